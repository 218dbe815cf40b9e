import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../errors/coded-error.ts';
import type { Machine } from './machine.ts';
import type { OciProcess, OciSpec } from './oci-spec.ts';
import { containerDirectory, containerState } from './paths.ts';
import { identify, isAlive, readPidFile } from './process-identity.ts';
import { type ContainerRecord, phaseOf } from './records.ts';
import { type RunResult, runProgram } from './run-program.ts';
import { runtimePrograms } from './runtime-programs.ts';

export interface ExecResult {
  exitCode: number;
  stdout: Uint8Array;
  stderr: Uint8Array;
}

/** Of each output stream; the interface says so. */
const mostOutput = 16 << 20;
/** Milliseconds that setTimeout can count: as good as no limit. */
const longest = 2 ** 31 - 1;
/** How long the runtime may take to end after its command was killed. */
const graceMs = 10_000;

/**
 * Runs a command in a running container, as its user and in its environment.
 * @param timeoutSeconds 0 for none; when it is over the command is killed.
 * @throws CodedError `failed-precondition` when it does not run, `deadline-exceeded`, `invalid-argument`;
 *   `internal` when the command could not be started.
 */
export async function execSync(
  machine: Machine,
  record: ContainerRecord,
  command: readonly string[],
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<ExecResult> {
  if (command.length === 0) throw new CodedError('invalid-argument', 'no command to run');
  if (phaseOf(record) !== 'running') {
    throw new CodedError('failed-precondition', `container ${record.id} is ${phaseOf(record)}, not running`);
  }
  const runtime = machine.runtimeOf(machine.sandboxes.get(record.sandboxId).runtime);
  const folder = join(containerState(machine.paths, record.id), `exec-${randomBytes(8).toString('hex')}`);
  await mkdir(folder, { mode: 0o700 });
  const processFile = join(folder, 'process.json');
  const pidFile = join(folder, 'pid');
  try {
    await writeFile(processFile, JSON.stringify(await processOf(machine, record, command)), { mode: 0o600 });
    const args = [...runtime.globalArgs, 'exec', '--process', processFile, '--pid-file', pidFile, record.id];
    const run = await runStoppable(runtime.file, args, pidFile, timeoutSeconds, signal);
    if (run.stopped !== undefined) throw stoppedError(run.stopped, command, timeoutSeconds);
    if ((await readPidFile(pidFile)) === undefined)
      throw notStarted(command, runtimePrograms[runtime.name].explain(run.stderr));
    return {
      exitCode: run.status ?? 128 + 9,
      stdout: run.stdoutBytes,
      stderr: run.stderrBytes,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Stopped = 'deadline' | 'cancelled';

/**
 * Runs the runtime's `exec`. What has to be stopped is the command in the container, not the runtime: it is
 * the command's parent, and ends when that does. Killed first, it would leave a process behind that a node
 * whose first process does not reap can never get rid of, nor the container's process namespace with it.
 */
async function runStoppable(
  file: string,
  args: readonly string[],
  pidFile: string,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<RunResult & { stopped: Stopped | undefined }> {
  const timeoutMs =
    timeoutSeconds > 0 ? Math.min(timeoutSeconds * 1000, longest - graceMs) : longest - graceMs;
  const giveUp = new AbortController();
  let stopped: Stopped | undefined;
  const stop = (why: Stopped): void => {
    stopped ??= why;
    void killCommand(pidFile);
    setTimeout(() => giveUp.abort(), graceMs).unref();
  };
  const timer = setTimeout(() => stop('deadline'), timeoutMs);
  const onAbort = (): void => stop('cancelled');
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const options = { timeoutMs: longest, signal: giveUp.signal, maxOutput: mostOutput };
    const run = await runProgram(file, args, options);
    return { ...run, stopped };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** The container's own process with another command: same user, environment, limits. */
export async function processOf(
  machine: Machine,
  record: ContainerRecord,
  command: readonly string[],
): Promise<OciProcess> {
  const path = join(containerDirectory(machine.paths, record.id), 'config.json');
  const spec = JSON.parse(await readFile(path, 'utf8')) as OciSpec;
  return { ...spec.process, terminal: false, args: [...command] };
}

export async function killCommand(pidFile: string): Promise<void> {
  const pid = await readPidFile(pidFile);
  const identity = pid === undefined ? undefined : await identify(pid).catch(() => undefined);
  if (identity && (await isAlive(identity))) process.kill(identity.pid, 'SIGKILL');
}

function stoppedError(why: Stopped, command: readonly string[], timeoutSeconds: number): CodedError {
  const name = JSON.stringify(command[0]);
  return why === 'cancelled'
    ? new CodedError('cancelled', `running ${name} in the container was cancelled`)
    : new CodedError('deadline-exceeded', `${name} did not end within ${timeoutSeconds} s and was killed`);
}

function notStarted(command: readonly string[], said: string): CodedError {
  return new CodedError('internal', `running ${JSON.stringify(command[0])} in the container: ${said}`);
}
