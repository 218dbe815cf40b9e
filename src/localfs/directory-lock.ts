import { closeSync, constants, lstatSync, openSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type * as Sqlite from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, messageOf } from '../errors/coded-error.ts';

/**
 * Exclusion between processes (and between callers in one process) over a directory.
 *
 * Node has no flock, but the SQLite that it brings takes POSIX record locks on an empty file and never writes
 * to it: about 12 microseconds, honoured across namespaces and containers, and dropped by the kernel when the
 * holder dies, however it dies. So there are no stale owners to recognise and no take-over to race for.
 *
 * The two files stay in the directory, hidden and empty. Whoever wants the lock takes the queue's file first
 * and keeps it until the lock's own is theirs; without that, a process that writes in a loop would starve
 * everyone else between two of its writes.
 */
const lockName = '.stasis-lock';
const queueName = '.stasis-lock-queue';

/** Milliseconds between two attempts: from this, doubled, to that. */
const firstPause = 1;
const longestPause = 10;

export interface LockOptions {
  signal?: AbortSignal;
  /** Longest wait in milliseconds; without it the wait is as long as it takes. 0 tries once. */
  timeout?: number;
}

export interface DirectoryLock {
  /** Safe to call twice. */
  release(): void;
}

/** Per directory: settles when everyone in this process who asked before is done. */
const waiting = new Map<string, Promise<void>>();

/**
 * Waits until nobody else holds `directory`, then holds it until `release`, or until this process ends.
 * Not re-entrant.
 * @throws CodedError `deadline-exceeded` after `timeout`; the signal's reason when aborted;
 *   `failed-precondition` when the directory cannot carry a lock (read-only, or the lock file is damaged).
 */
export async function lockDirectory(directory: string, options: LockOptions = {}): Promise<DirectoryLock> {
  // Synchronous, so that callers keep the order in which they came.
  const path = realpathSync.native(directory);
  const deadline = options.timeout === undefined ? undefined : performance.now() + options.timeout;
  const before = waiting.get(path);
  let leave = (): void => {};
  const mine = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const last = (before ?? Promise.resolve()).then(() => mine);
  waiting.set(path, last);
  void last.then(() => {
    if (waiting.get(path) === last) waiting.delete(path);
  });
  try {
    if (before) await within(before, path, deadline, options.signal);
    const queue = await take(join(path, queueName), path, deadline, options.signal);
    let held: Held;
    try {
      held = await take(join(path, lockName), path, deadline, options.signal);
    } finally {
      queue.close();
    }
    return {
      release() {
        held.close();
        leave();
      },
    };
  } catch (error) {
    leave();
    throw error;
  }
}

/** Runs `work` while `directory` is held. */
export async function withDirectoryLock<T>(
  directory: string,
  work: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const lock = await lockDirectory(directory, options);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** Whether `name` is a file of ours that belongs to the locking and to nothing else. */
export function isLockName(name: string): boolean {
  return name === lockName || name === queueName;
}

interface Held {
  close(): void;
}

async function take(
  path: string,
  directory: string,
  deadline: number | undefined,
  signal: AbortSignal | undefined,
): Promise<Held> {
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    signal?.throwIfAborted();
    const held = await attempt(path, directory);
    if (held) return held;
    if (deadline !== undefined && performance.now() >= deadline) throw tooLong(directory);
    const left = deadline === undefined ? pause : Math.min(pause, deadline - performance.now());
    await sleep(Math.max(left, 0), undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted());
  }
}

/** Loaded when it is first needed: not every program that can lock does. */
let sqlite: typeof Sqlite | undefined;

interface Connection {
  database: Sqlite.DatabaseSync;
  inode: number;
  held: boolean;
}

/** By lock file, the one used last at the end. Opening one costs ten times as much as taking its lock. */
const connections = new Map<string, Connection>();
const mostConnections = 32;

/** The lock on the file at `path`, or undefined while someone else has it. */
async function attempt(path: string, directory: string): Promise<Held | undefined> {
  sqlite ??= await import('node:sqlite');
  const inode = lockFile(path, directory);
  let connection = connections.get(path);
  try {
    if (connection?.inode !== inode) {
      forget(path);
      connection = { database: new sqlite.DatabaseSync(path), inode, held: false };
      connections.set(path, connection);
      connection.database.exec('PRAGMA busy_timeout=0; PRAGMA journal_mode=MEMORY');
    }
    connection.database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    const code = (error as { errcode?: number }).errcode ?? 0;
    if ((code & 0xff) === sqliteBusy) return undefined;
    forget(path);
    throw cannotLock(directory, path, error);
  }
  // Somebody may have removed the file since: a lock on a file without a name excludes nobody.
  if (lstatSync(path, { throwIfNoEntry: false })?.ino !== inode) {
    forget(path);
    return undefined;
  }
  return hold(path, connection);
}

function hold(path: string, connection: Connection): Held {
  connection.held = true;
  // To the end of the order, and the one that was used longest ago out.
  connections.delete(path);
  connections.set(path, connection);
  if (connections.size > mostConnections) {
    for (const [old, { held }] of connections) {
      if (held) continue;
      forget(old);
      break;
    }
  }
  return {
    close() {
      if (!connection.held) return;
      connection.held = false;
      connection.database.exec('ROLLBACK');
    },
  };
}

/** Closing a connection gives up its lock. */
function forget(path: string): void {
  connections.get(path)?.database.close();
  connections.delete(path);
}

/** The number in SQLite's interface that says "someone else holds it". */
const sqliteBusy = 5;

/**
 * Makes the file if it is missing; its inode number. A file that exists is not opened here: closing a
 * descriptor of it would drop the lock that another thread of this process holds.
 */
function lockFile(path: string, directory: string): number {
  for (;;) {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isFile()) return found.ino;
    if (found) throw cannotLock(directory, path, new Error('it is not a regular file'));
    try {
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      closeSync(openSync(path, flags, 0o600));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw cannotLock(directory, path, error);
    }
  }
}

/** Waits for `turn`, but no longer than the deadline and the signal allow. */
async function within(
  turn: Promise<void>,
  directory: string,
  deadline: number | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  if (deadline === undefined && !signal) return turn;
  const stop = new AbortController();
  const outer = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const time = deadline === undefined ? 2 ** 31 - 1 : Math.max(deadline - performance.now(), 0);
  const late = sleep(time, 'late' as const, { signal: outer }).catch(() => 'late' as const);
  const first = await Promise.race([turn, late]);
  stop.abort();
  signal?.throwIfAborted();
  if (first === 'late') throw tooLong(directory);
}

function tooLong(directory: string): CodedError {
  return new CodedError('deadline-exceeded', `waiting for ${directory}: another process is writing there`, {
    data: { path: directory },
  });
}

function cannotLock(directory: string, path: string, error: unknown): CodedError {
  return new CodedError('failed-precondition', `locking ${directory} with ${path}: ${messageOf(error)}`, {
    cause: error,
    data: { path },
  });
}
