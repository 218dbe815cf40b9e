import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { StreamEnd, TerminalSize } from '../../api/stream-channels.ts';
import { CodedError } from '../../errors/coded-error.ts';
import type { Machine } from './machine.ts';
import { containerState } from './paths.ts';
import { readPidFile } from './process-identity.ts';
import { type ContainerRecord, phaseOf } from './records.ts';
import { killCommand, processOf } from './runtime-exec.ts';
import { runtimePrograms } from './runtime-programs.ts';
import { openTerminal, resizeTerminal } from './terminal.ts';

/** A command, or a whole container, that somebody is connected to. */
export interface Session {
  stdin?: Writable;
  outputs: readonly { channel: 'stdout' | 'stderr'; stream: Readable }[];
  resize?(size: TerminalSize): Promise<void>;
  /** Resolves when it has ended, undefined where only the connection has. */
  ended: Promise<StreamEnd | undefined>;
  /** Ends what the session started, where whoever is connected has gone. */
  stop(): Promise<void>;
}

export interface ExecRequest {
  cmd: readonly string[];
  tty: boolean;
  stdin: boolean;
}

/**
 * Starts a command in a running container, to be talked to.
 * @throws CodedError `failed-precondition` where it does not run
 */
export async function startExec(
  machine: Machine,
  record: ContainerRecord,
  request: ExecRequest,
): Promise<Session> {
  if (request.cmd.length === 0) throw new CodedError('invalid-argument', 'no command to run');
  if (phaseOf(record) !== 'running') {
    throw new CodedError('failed-precondition', `container ${record.id} is ${phaseOf(record)}, not running`);
  }
  const folder = join(containerState(machine.paths, record.id), `exec-${randomBytes(8).toString('hex')}`);
  await mkdir(folder, { mode: 0o700 });
  const processFile = join(folder, 'process.json');
  const pidFile = join(folder, 'pid');
  try {
    const process = { ...(await processOf(machine, record, request.cmd)), terminal: request.tty };
    await writeFile(processFile, JSON.stringify(process), { mode: 0o600 });
    const runtime = machine.runtimeOf(machine.sandboxes.get(record.sandboxId).runtime);
    const tty = request.tty ? ['--tty'] : [];
    const args = [
      ...runtime.globalArgs,
      'exec',
      ...tty,
      '--process',
      processFile,
      '--pid-file',
      pidFile,
      record.id,
    ];
    const started = request.tty ? await onTerminal(runtime.file, args, pidFile) : onPipes(runtime.file, args);
    const { explain } = runtimePrograms[runtime.name];
    const ended = started.exit.then(async ({ status, said }): Promise<StreamEnd> => {
      const begun = (await readPidFile(pidFile)) !== undefined;
      await rm(folder, { recursive: true, force: true });
      if (begun) return { exitCode: status };
      return { failure: `running ${JSON.stringify(request.cmd[0])} in the container: ${explain(said)}` };
    });
    return { ...started.session, ended, stop: () => killCommand(pidFile) };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

interface Started {
  session: Pick<Session, 'stdin' | 'outputs' | 'resize'>;
  exit: Promise<{ status: number; said: string }>;
}

/** Of what the runtime itself says; its words come first. */
const mostSaid = 4096;

/** A stream, and the beginning of what came through it. */
function overheard(source: Readable): { stream: PassThrough; said(): string } {
  let said = '';
  source.on('data', (piece: Buffer) => {
    if (said.length < mostSaid) said += piece.toString('utf8');
  });
  return { stream: source.pipe(new PassThrough()), said: () => said };
}

function onPipes(file: string, args: readonly string[]): Started {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  child.stdin.on('error', () => {});
  const stderr = overheard(child.stderr);
  const outputs = [
    { channel: 'stdout', stream: child.stdout },
    { channel: 'stderr', stream: stderr.stream },
  ] as const;
  return { session: { stdin: child.stdin, outputs }, exit: exitOf(child, stderr.said) };
}

/** The runtime gets a terminal of ours as its own, and makes another for the command inside. */
async function onTerminal(file: string, args: readonly string[], pidFile: string): Promise<Started> {
  const { stream, path } = await openTerminal();
  const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  const child = spawn(file, args, { stdio: [fd, fd, fd], detached: true });
  closeSync(fd);
  // When the last program lets go of a terminal its other end gives an error instead of an end.
  stream.on('error', () => stream.destroy());
  const shown = overheard(stream);
  stream.once('close', () => shown.stream.end());
  const resize = async (size: TerminalSize) => {
    const pid = await startedPid(pidFile);
    if (pid !== undefined) await resizeTerminal(pid, size);
  };
  const session = {
    stdin: stream as unknown as Writable,
    outputs: [{ channel: 'stdout' as const, stream }],
    resize,
  };
  return { session, exit: exitOf(child, shown.said) };
}

/** The pid of a command that is being started. */
async function startedPid(pidFile: string): Promise<number | undefined> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const pid = await readPidFile(pidFile);
    if (pid !== undefined) return pid;
    await new Promise((done) => setTimeout(done, 20));
  }
  return undefined;
}

function exitOf(child: ReturnType<typeof spawn>, said: () => string): Started['exit'] {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ status: 128, said: error.message }));
    child.once('exit', (status) => resolve({ status: status ?? 128 + 9, said: said() }));
  });
}
