import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { CodedError } from '../../errors/coded-error.ts';
import { makeDirectories } from '../../localfs/make-directories.ts';
import { type Cgroups, enterCgroup } from './cgroups.ts';
import { endCriuOrphans } from './criu-orphans.ts';
import { findProgram } from './find-program.ts';
import type { OciRuntime, RuntimeName } from './oci-runtime.ts';
import {
  containerDirectory,
  containerState,
  criuConfiguration,
  exitDirectory,
  type RuntimePaths,
} from './paths.ts';
import { identify, identifyOrEnded, readPidFile } from './process-identity.ts';
import type { ContainerRecord, ProcessIdentity } from './records.ts';
import { runtimePrograms } from './runtime-programs.ts';

/**
 * Each container is held by a conmon process of its own: parent of the container's first process, reader of
 * its output, writer of the log in the CRI's format and of the exit file. It outlives this process, so that a
 * restart of the daemon, or its death, loses neither a line nor an exit status.
 *
 * It is started here and not through `runProgram`, because it stays: it reports over a pipe and goes on.
 */
export interface SupervisorOptions {
  paths: RuntimePaths;
  runtime: OciRuntime;
  cgroups: Cgroups;
  /** The executable; found on PATH by its name. */
  conmon: string;
}

export interface Supervised {
  process: ProcessIdentity;
  supervisor: ProcessIdentity;
}

/** A restore may have gigabytes to read. */
const createMs = 60_000;
const restoreMs = 600_000;
const mostReport = 64 << 10;

/**
 * The cgroup of a container's supervisor and of what it starts (the runtime, CRIU): not ours, so that a service
 * manager that stops us does not take them along, and one for each, so that they can be ended together.
 */
export function supervisorCgroup(id: string): string {
  return `/stasis/supervisors/${id}`;
}

/** Descriptors that conmon is told of by environment variables. */
const reportFd = 3;
const startFd = 4;

/**
 * Creates the container's first process, or restores all of them, under a supervisor. A created process waits
 * for the runtime's `start`; restored ones run.
 * @throws CodedError `internal` with what the runtime said, `deadline-exceeded`, `cancelled`.
 */
export async function supervise(
  options: SupervisorOptions,
  container: ContainerRecord,
  signal?: AbortSignal,
): Promise<Supervised> {
  const state = containerState(options.paths, container.id);
  await makeDirectories(state, 0o700);
  await makeDirectories(exitDirectory(options.paths), 0o700);
  await makeDirectories(dirname(container.logPath), 0o755);
  for (const name of ['pid', 'conmon.pid']) await rm(join(state, name), { force: true });
  const [conmon, runtime] = [await findProgram(options.conmon), await findProgram(options.runtime.file)];
  const args = conmonArgs({ ...options, runtime: { ...options.runtime, file: runtime } }, container);
  const child = await startConmon(conmon, args, containerDirectory(options.paths, container.id), state, {
    ...environment(),
    ...(await criuEnvironment(options.paths, container)),
  });
  // It waits for a byte before it does anything, so it and all it starts are in the right cgroup.
  await enterCgroup(options.cgroups, supervisorCgroup(container.id), child.pid ?? 0);
  const startPipe = child.stdio[startFd] as Duplex;
  startPipe.on('error', () => {});
  startPipe.end('\0');
  const limit = container.restore === undefined ? createMs : restoreMs;
  const watched = container.restore && endCriuOrphans(options.cgroups, supervisorCgroup(container.id));
  const context = { limit, signal, container, state, runtime: options.runtime.name };
  const pid = await reported(child, context).finally(() => watched?.());
  const supervisorPid = await readPidFile(join(state, 'conmon.pid'));
  // What is restored runs at once, and may have ended: that is no failure of the restore.
  const who = container.restore === undefined ? identify : identifyOrEnded;
  return { process: await who(pid), supervisor: await who(supervisorPid ?? 0) };
}

function conmonArgs(options: SupervisorOptions, container: ContainerRecord): string[] {
  const { paths, runtime } = options;
  const { id, config, restore } = container;
  const state = containerState(paths, id);
  const bundle = containerDirectory(paths, id);
  return [
    ...['--api-version', '1', '--cid', id, '--cuuid', id, '--name', config.metadata?.name ?? id],
    ...['--runtime', runtime.file, ...runtime.globalArgs.flatMap((arg) => ['--runtime-arg', arg])],
    ...['--bundle', bundle, '--persist-dir', state, '--exit-dir', exitDirectory(paths)],
    ...['--container-pidfile', join(state, 'pid'), '--conmon-pidfile', join(state, 'conmon.pid')],
    ...['--log-path', `k8s-file:${container.logPath}`, '--log-level', 'error', '--full-attach'],
    ...(config.tty ? ['--terminal'] : []),
    ...(config.stdin ? ['--stdin'] : []),
    ...(config.stdin && !config.stdinOnce ? ['--leave-stdin-open'] : []),
    ...(restore === undefined ? [] : ['--restore', restore.images]),
    ...(restore?.options ?? []).flatMap((option) => ['--runtime-opt', option]),
  ];
}

function environment(): Record<string, string> {
  // Nothing of ours: what a service manager gave us is not meant for containers.
  const path = process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin';
  return { PATH: path, _OCI_SYNCPIPE: String(reportFd), _OCI_STARTPIPE: String(startFd) };
}

/** Only a restore runs CRIU. */
async function criuEnvironment(
  paths: RuntimePaths,
  { id, restore }: ContainerRecord,
): Promise<Record<string, string>> {
  const file = criuConfiguration(paths, id);
  const found = restore === undefined ? undefined : await stat(file).catch(() => undefined);
  return found === undefined ? {} : { CRIU_CONFIG_FILE: file };
}

/** Its own words go to a file, because whoever reads a pipe from it would have to live as long as it does. */
async function startConmon(
  file: string,
  args: string[],
  cwd: string,
  state: string,
  env: Record<string, string>,
): Promise<ChildProcess> {
  const words = await open(join(state, 'conmon.log'), 'w', 0o600);
  try {
    const stdio: StdioOptions = ['ignore', 'ignore', words.fd, 'pipe', 'pipe'];
    const child = spawn(file, args, { cwd, env, stdio, detached: true });
    if (child.pid !== undefined) return child;
    const [error] = (await once(child, 'error')) as [Error];
    throw new CodedError('internal', `starting ${file}: ${error.message}`, { cause: error });
  } finally {
    await words.close();
  }
}

/** Waits for conmon's one line: `{"data": PID}`, or a negative number and why. */
async function reported(
  child: ChildProcess,
  context: {
    limit: number;
    signal: AbortSignal | undefined;
    container: ContainerRecord;
    state: string;
    runtime: RuntimeName;
  },
): Promise<number> {
  const { limit, signal, container, state, runtime } = context;
  const pipe = child.stdio[reportFd] as Duplex;
  const stop = (): void => void pipe.destroy();
  const timer = setTimeout(stop, limit);
  signal?.addEventListener('abort', stop, { once: true });
  let text = '';
  try {
    for await (const piece of pipe as AsyncIterable<Buffer>) {
      text += piece.toString('utf8');
      if (text.includes('\n') || text.length > mostReport) break;
    }
  } catch {
    // A pipe that was destroyed above ends with an error; the reason is worked out below.
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    pipe.destroy();
  }
  const doing = container.restore === undefined ? 'creating' : 'restoring';
  if (signal?.aborted) throw new CodedError('cancelled', `${doing} the container was cancelled`);
  const words = (await readFile(join(state, 'conmon.log'), 'utf8').catch(() => '')).trim().slice(-1000);
  const { explain } = runtimePrograms[runtime];
  return parseReport(text, { doing: `${doing} the container's processes`, limit, words, explain });
}

interface ReportContext {
  doing: string;
  limit: number;
  /** What conmon itself wrote. */
  words: string;
  explain: (stderr: string) => string;
}

function parseReport(text: string, { doing, limit, words, explain }: ReportContext): number {
  let report: { data?: unknown; pid?: unknown; message?: unknown };
  try {
    report = JSON.parse(text.split('\n')[0] ?? '') as typeof report;
  } catch {
    const code = text === '' && words === '' ? 'deadline-exceeded' : 'internal';
    const why = words || `no clear report from the supervisor within ${limit} ms`;
    throw new CodedError(code, `${doing}: ${why}`);
  }
  const pid = Number(report.data ?? report.pid);
  if (Number.isSafeInteger(pid) && pid > 0) return pid;
  const said = typeof report.message === 'string' ? explain(report.message) : `it reported ${pid}`;
  throw new CodedError('internal', `${doing}: ${said}`, { data: { said } });
}

/** Exit status and time of a container, undefined while its supervisor has not written them. */
export async function readExit(
  paths: RuntimePaths,
  id: string,
): Promise<{ exitCode: number; finishedAt: bigint; oomKilled: boolean } | undefined> {
  const path = join(exitDirectory(paths), id);
  let text: string;
  try {
    text = await readFile(path, 'latin1');
  } catch {
    return undefined;
  }
  if (!/^-?[0-9]+\s*$/.test(text)) return undefined;
  const { mtimeNs } = await stat(path, { bigint: true });
  const oom = await stat(join(containerState(paths, id), 'oom')).then(
    () => true,
    () => false,
  );
  return { exitCode: Number(text), finishedAt: mtimeNs, oomKilled: oom };
}

/**
 * Tells the supervisor to open the log file anew.
 * @throws CodedError `failed-precondition` when it is not there to be told.
 */
export async function reopenLog(paths: RuntimePaths, id: string): Promise<void> {
  const path = join(containerDirectory(paths, id), 'ctl');
  // Without a reader a FIFO opened this way fails at once instead of waiting for one.
  const handle = await open(path, constants.O_WRONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    throw new CodedError('failed-precondition', 'the supervisor of the container does not run', { cause });
  });
  try {
    await handle.write('2 0 0\n');
  } finally {
    await handle.close();
  }
}
