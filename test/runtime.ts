/**
 * What tests with real processes need: whether container runtimes are here, folders on a real disk, waiting, and
 * processes that are gone when the test is.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

/** No CNI network, whatever other tests have configured in the machine. */
export const noCni = { configDirectory: '/nonexistent/cni', binDirectories: [] };

/** The project's own folder. */
export const project = resolve(import.meta.dirname, '..');

/** True inside the throw-away machine that `make test` makes. */
export const insideMachine = process.env['STASIS_RUNTIME'] === '1';

/**
 * The option for a test that starts crun, runc, criu, podman or containerd: `test('…', needsRuntime, …)`. Inside
 * the machine nothing is skipped.
 */
export const needsRuntime: { skip: string | false } = {
  skip: insideMachine ? false : 'needs container runtimes: scripts/runtime-root run -- node --test FILE',
};

const endings = new WeakMap<TestContext, (() => unknown)[]>();

/**
 * Does something at the test's end, what was asked last first: a daemon ends before the folder that it works in is
 * removed. (Hooks given to `t.after` run in the order in which they were given.) Each is done even when one before
 * it fails.
 */
export function atEnd(t: TestContext, ending: () => unknown): void {
  const known = endings.get(t);
  if (known) {
    known.push(ending);
    return;
  }
  const all = [ending];
  endings.set(t, all);
  t.after(async () => {
    const failures: unknown[] = [];
    for (const end of all.reverse()) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures);
  });
}

/** A folder for this test alone, on a disk (no tmpfs, no overlay), removed at the test's end. */
export function folderFor(t: TestContext, name = 'test'): string {
  const folder = mkdtempSync(join(tmpdir(), `stasis-${name}-`));
  atEnd(t, () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
  return folder;
}

/**
 * Asks until the answer is neither undefined nor false, and returns it.
 * @throws when it has not come within `limit` milliseconds; the last error of `ask` is the cause.
 */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  limit = 60_000,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + limit;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) return answer;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limit} ms`, { cause });
    await sleep(20);
  }
}

/** A TCP port of the loopback interface that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer().once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/**
 * Starts a program in a process group of its own, which is killed with all its children at the test's end.
 * Standard output and standard error are pipes unless `options` say otherwise.
 */
export function startFor(
  t: TestContext,
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options, detached: true });
  const ended = new Promise<void>((done) => {
    child.once('exit', () => done());
    child.once('error', () => done());
  });
  atEnd(t, async () => {
    if (child.pid !== undefined) killGroup(child.pid);
    await ended;
  });
  return child;
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** What a program that has ended said, and how it ended. */
export interface Ended {
  /** The exit status, or undefined when a signal ended it. */
  status: number | undefined;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end. Its output is kept whole, so it should be short. */
export async function runFor(
  t: TestContext,
  command: string,
  args: readonly string[],
  options: SpawnOptions & { input?: string } = {},
): Promise<Ended> {
  const { input, ...rest } = options;
  const child = startFor(t, command, args, { ...rest, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin?.on('error', () => {}).end(input ?? '');
  const [stdout, stderr, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    statusOf(child),
  ]);
  return { status, stdout, stderr };
}

async function text(stream: NodeJS.ReadableStream | null): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream ?? []) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString();
}

function statusOf(child: ChildProcess): Promise<number | undefined> {
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('exit', (code) => done(code ?? undefined));
  });
}
