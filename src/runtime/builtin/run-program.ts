import { type ChildProcess, spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { setPriority } from 'node:os';
import type { Readable } from 'node:stream';
import { CodedError } from '../../errors/coded-error.ts';

export interface RunOptions {
  /** Milliseconds until the program and everything in its process group is killed. Always finite. */
  timeoutMs?: number;
  /** Aborting kills the process group. */
  signal?: AbortSignal | undefined;
  /** Called, and waited for, before the process group is killed. */
  beforeKill?: (() => void | Promise<void>) | undefined;
  /** Bytes for its standard input; without them it reads end of file. */
  stdin?: string | Uint8Array;
  cwd?: string;
  /** Nice value of it and of what it starts, as far as we may set one. */
  nice?: number;
  /** The whole environment; without it, ours. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Bytes kept of each output stream; what comes after is read and dropped, and `truncated` says so. */
  maxOutput?: number;
  /**
   * File descriptors of ours in place of the captured streams. A program that leaves a process behind hands
   * its streams on to it, so whoever starts a container gives the container's own here.
   */
  stdio?: { stdin?: number; stdout?: number; stderr?: number };
  /** Further descriptors of ours, handed on as 3, 4, … in this order. */
  extraFds?: readonly number[];
}

export interface RunResult {
  /** Exit status; undefined when a signal ended it. */
  status: number | undefined;
  signal: NodeJS.Signals | undefined;
  stdout: string;
  stderr: string;
  /** The same, for output that may not be text. */
  stdoutBytes: Uint8Array;
  stderrBytes: Uint8Array;
  /** Whether one of the streams was longer than `maxOutput`. */
  truncated: boolean;
}

const defaultTimeoutMs = 30_000;
const defaultMaxOutput = 1 << 20;
/** How long after its end we go on reading what a program left in its pipes, if someone else holds them open. */
const drainMs = 100;

/** Debian packages of the programs that this project starts. */
const packages: Readonly<Record<string, string>> = {
  crun: 'crun',
  runc: 'runc',
  criu: 'criu',
  conmon: 'conmon',
  podman: 'podman',
  ip: 'iproute2',
  nft: 'nftables',
  iptables: 'iptables',
  mount: 'mount',
  umount: 'mount',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  perl: 'perl-base',
  stty: 'coreutils',
};

function renice(pid: number | undefined, nice: number): void {
  try {
    if (pid !== undefined) setPriority(pid, nice);
  } catch {
    // Without the right to, it runs like everything else; one that has ended needs nothing.
  }
}

/**
 * Runs `file` with exactly `args` (never through a shell) and waits for its end.
 * It gets a process group of its own, and that whole group is killed at the deadline or when `signal` aborts.
 * A non-zero exit status is a result, not an error: the caller knows what it means.
 * @throws CodedError `failed-precondition` when the program is not installed (the message names the Debian
 *   package), `deadline-exceeded`, `cancelled`, `internal` when it cannot be started at all.
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { signal, timeoutMs = defaultTimeoutMs, maxOutput = defaultMaxOutput } = options;
  if (signal?.aborted) throw cancelled(file);
  const child = start(file, args, options);
  if (options.nice !== undefined) renice(child.pid, options.nice);
  const stdout = capture(child.stdout, maxOutput);
  const stderr = capture(child.stderr, maxOutput);
  if (child.stdin !== null) {
    // The program may end without having read its input; that is its right.
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');
  }
  let stopped: 'deadline' | 'cancelled' | undefined;
  const stop = (why: 'deadline' | 'cancelled'): void => {
    if (stopped !== undefined) return;
    stopped = why;
    void Promise.resolve()
      .then(options.beforeKill)
      .catch(() => {})
      .then(() => {
        if (child.exitCode === null && child.signalCode === null) killGroup(child);
      });
  };
  const timer = setTimeout(() => stop('deadline'), timeoutMs);
  const onAbort = (): void => stop('cancelled');
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const end = await ended(child, file, options.cwd);
    await drained(child);
    if (stopped === 'deadline') throw deadline(file, timeoutMs, stderr.text());
    if (stopped === 'cancelled') throw cancelled(file);
    const truncated = stdout.truncated() || stderr.truncated();
    return {
      ...end,
      ...{ stdout: stdout.text(), stderr: stderr.text(), truncated },
      ...{ stdoutBytes: stdout.bytes(), stderrBytes: stderr.bytes() },
    };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** The Debian package that holds the program, as far as we know it. */
export function packageOf(program: string): string | undefined {
  return packages[program.slice(program.lastIndexOf('/') + 1)];
}

function start(file: string, args: readonly string[], options: RunOptions): ChildProcess {
  const { stdin = 'pipe', stdout = 'pipe', stderr = 'pipe' } = options.stdio ?? {};
  return spawn(file, [...args], {
    cwd: options.cwd,
    env: options.env === undefined ? process.env : { ...options.env },
    stdio: [stdin, stdout, stderr, ...(options.extraFds ?? [])],
    // A session, hence a process group, of its own: what it starts can be ended with it.
    detached: true,
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function ended(
  child: ChildProcess,
  file: string,
  cwd: string | undefined,
): Promise<{ status: number | undefined; signal: NodeJS.Signals | undefined }> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      cannotStart(file, cwd, error).then(reject, reject);
    });
    child.once('exit', (status, signal) => {
      resolve({ status: status ?? undefined, signal: signal ?? undefined });
    });
  });
}

/**
 * Waits until both pipes are at their end. A process left behind may hold them open for ever: once nothing
 * has come for a moment, what the program itself wrote has been read, and we let go.
 */
function drained(child: ChildProcess): Promise<void> {
  const open = [child.stdout, child.stderr].filter((stream) => stream !== null && !stream.closed);
  if (open.length === 0) return Promise.resolve();
  return new Promise((resolve) => {
    let left = open.length;
    const release = (): void => {
      for (const stream of open) stream?.destroy();
      resolve();
    };
    let quiet = setTimeout(release, drainMs);
    for (const stream of open) {
      stream?.on('data', () => {
        clearTimeout(quiet);
        quiet = setTimeout(release, drainMs);
      });
      stream?.once('close', () => {
        left--;
        if (left > 0) return;
        clearTimeout(quiet);
        resolve();
      });
    }
  });
}

interface Captured {
  text(): string;
  bytes(): Uint8Array;
  truncated(): boolean;
}

function capture(stream: Readable | null, limit: number): Captured {
  const pieces: Buffer[] = [];
  let kept = 0;
  let cut = false;
  stream?.on('error', () => {});
  stream?.on('data', (piece: Buffer) => {
    if (kept + piece.length > limit) cut = true;
    const room = piece.subarray(0, limit - kept);
    if (room.length > 0) pieces.push(room);
    kept += room.length;
  });
  const bytes = (): Buffer => Buffer.concat(pieces);
  return { text: () => bytes().toString('utf8'), bytes, truncated: () => cut };
}

async function cannotStart(file: string, cwd: string | undefined, error: Error): Promise<CodedError> {
  const code = (error as NodeJS.ErrnoException).code;
  if (code !== 'ENOENT') {
    return new CodedError('internal', `starting ${file}: ${error.message}`, { cause: error });
  }
  // The system answers the same when the working directory is what is missing.
  if (cwd !== undefined && !(await exists(cwd))) {
    return new CodedError('not-found', `starting ${file}: its working directory ${cwd} does not exist`);
  }
  const from = packageOf(file);
  return new CodedError('failed-precondition', `the program ${file} is not installed`, {
    cause: error,
    data: { program: file, package: from },
    ...(from === undefined ? {} : { hint: `install the package ${from} (Debian: apt-get install ${from})` }),
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function cancelled(file: string): CodedError {
  return new CodedError('cancelled', `${file} was stopped because the operation was cancelled`);
}

function deadline(file: string, timeoutMs: number, stderr: string): CodedError {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  const said = last === '' ? '' : `; it last said: ${last}`;
  return new CodedError('deadline-exceeded', `${file} did not end within ${timeoutMs} ms${said}`, {
    data: { program: file, timeoutMs },
  });
}
