import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../errors/coded-error.ts';
import { privateFile } from '../../localfs/atomic-file.ts';
import { type RunOptions, type RunResult, runProgram } from './run-program.ts';

export type RuntimeName = 'crun' | 'runc';

/** What CRIU is allowed to do beyond plain processes, both ways. */
export interface CriuOptions {
  /** Keep open TCP connections; needs the same addresses at restore. */
  tcpEstablished: boolean;
  fileLocks: boolean;
  /** Let one end of a unix socket pair live outside the container. */
  extUnixSk: boolean;
  /** The container has a controlling terminal that is not its own. */
  shellJob: boolean;
}

export interface RestoreOptions extends CriuOptions {
  /** Restore connections that were open closed; then `tcpEstablished` does not count. */
  tcpClose: boolean;
}

/** Where CRIU's files go; both folders must exist. */
export interface CheckpointRequest extends CriuOptions {
  imageDir: string;
  workDir: string;
  leaveRunning: boolean;
  /** Whether nothing reaches its connections, so that CRIU need not see to that. */
  networkLocked: boolean;
}

/** What the two programs word differently. */
export interface RuntimeProgram {
  readonly name: RuntimeName;
  /** Flags of `checkpoint` and `restore` for these options. */
  criuFlags(options: CriuOptions): readonly string[];
  /** Flag of `restore` for closed connections; none where only CRIU's own configuration can say so. */
  readonly tcpClose: readonly string[];
  /** The sentence that matters in what the program wrote on its standard error. */
  explain(stderr: string): string;
  /** The version, from what `--version` prints. */
  parseVersion(stdout: string): string | undefined;
}

export type OciStatus = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

export interface OciState {
  id: string;
  status: OciStatus;
  /** Its first process in our process namespace; 0 when there is none. */
  pid: number;
  bundle: string;
}

/** Deadline and cancellation of one call. */
export type CallOptions = Pick<RunOptions, 'timeoutMs' | 'signal' | 'beforeKill'>;

/** An OCI runtime program on this machine with its own folder for states. */
export interface OciRuntime {
  readonly name: RuntimeName;
  /** The program: a name to be found on PATH, or an absolute path. */
  readonly file: string;
  /** Arguments before every subcommand; a supervisor such as conmon must hand on the same. */
  readonly globalArgs: readonly string[];
  version(options?: CallOptions): Promise<string>;
  start(id: string, options?: CallOptions): Promise<void>;
  /**
   * Sends a signal (`TERM`, `9`, …); false when the container no longer runs. `all` sends it to every process
   * of the container, for one that shares its process namespace.
   */
  kill(id: string, signal: string, options?: CallOptions & { all?: boolean }): Promise<boolean>;
  /** Forgets the container; with `force` it is killed first. One that does not exist is no error. */
  remove(id: string, options?: CallOptions & { force?: boolean }): Promise<void>;
  /** Undefined when the runtime knows no such container. */
  state(id: string, options?: CallOptions): Promise<OciState | undefined>;
  /** Applies resources (the OCI `linux.resources` object) to a running container. */
  update(id: string, resources: unknown, options?: CallOptions): Promise<void>;
  /** Writes CRIU's images. The container's cgroup is left as it was found, frozen or not. */
  checkpoint(id: string, request: CheckpointRequest, options?: CallOptions): Promise<void>;
  /** Flags of `restore` besides bundle, image folder and identifier. */
  restoreFlags(options: RestoreOptions): readonly string[];
}

/**
 * @param program What is particular to crun or runc.
 * @param stateDir Folder for the program's own state; below /run, so that it is gone after a reboot.
 * @param file The executable, when it is not the one on PATH.
 */
export function ociRuntime(
  program: RuntimeProgram,
  stateDir: string,
  file: string = program.name,
): OciRuntime {
  const globalArgs = ['--root', stateDir];
  const attempt = (args: readonly string[], options?: RunOptions): Promise<RunResult> =>
    runProgram(file, [...globalArgs, ...args], options);
  const call = async (doing: string, args: readonly string[], options?: RunOptions): Promise<string> => {
    const run = await attempt(args, options);
    if (run.status === 0) return run.stdout;
    throw failure(program, doing, run);
  };
  return {
    name: program.name,
    file,
    globalArgs,
    async version(options) {
      const text = await call('asking for the version', ['--version'], options);
      const version = program.parseVersion(text);
      if (version !== undefined) return version;
      throw new CodedError(
        'unsupported',
        `${file} --version prints nothing that ${program.name} would print`,
      );
    },
    async start(id, options) {
      await call(`starting container ${id}`, ['start', id], options);
    },
    async kill(id, signal, options = {}) {
      const all = options.all === true ? ['--all'] : [];
      const run = await attempt(['kill', ...all, id, signal], options);
      if (run.status === 0) return true;
      // It may end between the runtime's look at it and the signal.
      if (isUnknown(run) || /not running|no such process/i.test(run.stderr)) return false;
      throw failure(program, `sending ${signal} to container ${id}`, run);
    },
    async remove(id, options = {}) {
      const force = options.force === true ? ['--force'] : [];
      const run = await attempt(['delete', ...force, id], options);
      if (run.status !== 0 && !isUnknown(run)) throw failure(program, `removing container ${id}`, run);
    },
    async state(id, options) {
      const run = await attempt(['state', id], options);
      if (run.status !== 0 && isUnknown(run)) return undefined;
      if (run.status !== 0) throw failure(program, `looking at container ${id}`, run);
      return parseState(program.name, run.stdout);
    },
    async update(id, resources, options) {
      const stdin = JSON.stringify(resources);
      const args = ['update', '--resources', '-', id];
      await call(`changing the resources of container ${id}`, args, { ...options, stdin });
    },
    async checkpoint(id, request, options) {
      const how = { ...options, ...(await criuEnvironment(request)), nice: urgent };
      await call(`checkpointing container ${id}`, checkpointArgs(program, id, request), how);
    },
    restoreFlags: (options) => restoreFlags(program, options),
  };
}

function checkpointArgs(program: RuntimeProgram, id: string, request: CheckpointRequest): string[] {
  const leave = request.leaveRunning ? ['--leave-running'] : [];
  const { imageDir, workDir } = request;
  return [
    ...['checkpoint', '--image-path', imageDir, '--work-path', workDir, ...leave],
    ...cgroupFlags(),
    ...program.criuFlags(request),
    id,
  ];
}

/** Containers stand still meanwhile: on a busy node it goes before other work. */
const urgent = -15;

/** CRIU takes options that the runtimes have no flag for from a file that the environment names. */
async function criuEnvironment({ networkLocked, workDir }: CheckpointRequest): Promise<RunOptions> {
  if (!networkLocked) return {};
  const file = join(workDir, 'criu.conf');
  await writeFile(file, 'network-lock=skip\n', { mode: privateFile });
  return { env: { ...process.env, CRIU_CONFIG_FILE: file } };
}

function restoreFlags(program: RuntimeProgram, options: RestoreOptions): string[] {
  const { tcpClose, tcpEstablished } = options;
  const flags = program.criuFlags({ ...options, tcpEstablished: tcpEstablished && !tcpClose });
  return [...cgroupFlags(), ...flags, ...(tcpClose ? program.tcpClose : [])];
}

/**
 * The runtime puts the restored processes into the new container's cgroup. CRIU's own idea of cgroups would
 * recreate the old ones, in every v1 hierarchy it finds in /proc/self/cgroup, a cgroup namespace or not.
 */
function cgroupFlags(): string[] {
  return ['--manage-cgroups-mode', 'ignore'];
}

function isUnknown(run: RunResult): boolean {
  return /container \S* ?does not exist|cannot open directory .*: No such file or directory/i.test(
    run.stderr,
  );
}

function failure(program: RuntimeProgram, doing: string, run: RunResult): CodedError {
  const how = run.status === undefined ? `was ended by ${run.signal}` : `failed (status ${run.status})`;
  const said = program.explain(run.stderr);
  return new CodedError('internal', `${doing}: ${program.name} ${how}${said === '' ? '' : `: ${said}`}`, {
    data: { program: program.name, status: run.status, stderr: run.stderr.slice(0, 4096) },
  });
}

const statuses: readonly string[] = ['creating', 'created', 'running', 'paused', 'stopped'];

function parseState(name: RuntimeName, text: string): OciState {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new CodedError('internal', `${name} state printed what is not JSON`, { cause: error });
  }
  const { id, status, pid, bundle } = value;
  if (typeof id !== 'string' || typeof status !== 'string' || !statuses.includes(status)) {
    throw new CodedError('internal', `${name} state printed a state without a known id and status`);
  }
  return {
    id,
    status: status as OciStatus,
    pid: typeof pid === 'number' && status !== 'stopped' ? pid : 0,
    bundle: typeof bundle === 'string' ? bundle : '',
  };
}
