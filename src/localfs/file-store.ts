import { randomInt } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { validateKey } from '../checkpointmanager/errors.ts';
import { compareText } from '../checkpointmanager/go-syntax.ts';
import { KeyNotFoundError, type Store } from '../checkpointmanager/store.ts';
import { CodedError } from '../errors/coded-error.ts';
import { isTemporaryName, privateFile } from './atomic-file.ts';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import { keepGeneration } from './generations.ts';
import { makeDirectoriesSync } from './make-directories.ts';
import { asGoError, systemErrorCode } from './system-error.ts';

export interface FileStoreOptions {
  /** How many earlier states of each file to keep; 0 by default. See `listGenerations`. */
  history?: number;
  /**
   * Of several writes of one key that wait for the disk, only the last one is carried out, and all of them
   * are answered by it. Off by default.
   */
  coalesce?: boolean;
  /** A write that would leave less free space than this many bytes is refused. 1 MiB by default. */
  minimumFree?: number;
  /** Largest file that is read, in bytes. 256 MiB by default. */
  largest?: number;
}

/** How old another program's temporary file must be before it is taken for one that a crash left behind. */
const abandonedAfter = 10 * 60_000;

/** Milliseconds after which other processes get their turn, however much there is to write. */
const longestHold = 50;

const syncElsewhere = promisify(fsync);

/** Milliseconds: a sync that was this quick is not worth another thread, one that was that slow is again. */
const quick = 1;
const slow = 2;

/** Milliseconds that writes may keep timers and sockets of this process waiting. */
const longestTurn = 4;
/** Steps of promises between an answer and the next write of whoever waited for it. */
const answerSteps = 20;

/** How long the room that was seen may be taken for granted, in milliseconds, and how much of it, in bytes. */
const roomFor = 100;
const roomAssumed = 16 << 20;

interface Waiting {
  key: string;
  bytes: Uint8Array;
  done(): void;
  failed(error: unknown): void;
}

/** A file that is written and synced, but not yet under its name. */
interface Written {
  waiting: Waiting;
  temporary: string;
  before: Before | undefined;
}

/**
 * One file per key in a directory, as the kubelet keeps them: mode 0600, replaced by renaming a complete file.
 * Beyond the kubelet's store a write is done when the directory is on disk too, processes exclude each other
 * with a lock that dies with its holder, and what a crash left behind is cleaned up when the store is opened.
 *
 * Writes that arrive while the disk is busy are carried out together, with one sync of the directory.
 */
export class FileStore implements Store {
  readonly directory: string;
  readonly #options: Required<FileStoreOptions>;
  #queue: Waiting[] = [];
  #flushing = false;
  /** The disk answers before another thread would: a single sync is waited for in place. */
  #quickDisk = false;
  #gaveWay = 0;
  #room = { seen: Number.NEGATIVE_INFINITY, free: 0 };

  private constructor(directory: string, options: FileStoreOptions) {
    this.directory = directory;
    this.#options = { history: 0, coalesce: false, minimumFree: 1 << 20, largest: 1 << 28, ...options };
  }

  /** Makes the directory (0755 less the umask) if it is missing, and removes what a crash left in it. */
  static async open(directory: string, options: FileStoreOptions = {}): Promise<FileStore> {
    if (directory === '') throw new CodedError('invalid-argument', 'mkdir : no such file or directory');
    makeDirectory(directory);
    // What cannot be cleaned (the disk went read-only, the reader is not the owner) can still be read, and a write
    // says itself what stands in its way.
    await removeOrphans(directory).catch(() => undefined);
    return new FileStore(directory, options);
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    validateKey(key);
    const copy = bytes.slice();
    await new Promise<void>((done, failed) => {
      this.#queue.push({ key, bytes: copy, done, failed });
      if (!this.#flushing) void this.#flush();
    });
  }

  async read(key: string): Promise<Uint8Array> {
    validateKey(key);
    const path = join(this.directory, key);
    try {
      const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const { size } = await handle.stat();
        if (size > this.#options.largest) throw tooLarge(path, size, this.#options.largest);
        return await handle.readFile();
      } finally {
        await handle.close();
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') throw new KeyNotFoundError(error);
      throw asGoError(code === 'EISDIR' ? 'read' : 'open', path, error);
    }
  }

  async delete(key: string): Promise<void> {
    validateKey(key);
    let lock: DirectoryLock;
    try {
      lock = await lockDirectory(this.directory);
    } catch (error) {
      // Without its directory there is no file either, and that is no error.
      if (systemErrorCode(error) === 'ENOENT') return;
      throw error;
    }
    try {
      if (!remove(join(this.directory, key))) return;
      await withDirectory(this.directory, (fd) => this.#sync(fd, true));
    } finally {
      lock.release();
    }
  }

  async list(): Promise<string[]> {
    try {
      return readdirSync(this.directory)
        .filter((name) => !name.startsWith('.'))
        .sort(compareText);
    } catch (error) {
      throw asGoError('open', this.directory, error);
    }
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    // Everyone who writes in the same turn goes into one batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      let lock: DirectoryLock;
      try {
        lock = await this.#lock();
      } catch (error) {
        for (const each of this.#queue.splice(0)) each.failed(error);
        break;
      }
      try {
        await withDirectory(this.directory, (fd) => this.#carryOutAll(fd));
      } catch (error) {
        for (const each of this.#queue.splice(0)) each.failed(asGoError('open', this.directory, error));
      } finally {
        lock.release();
      }
    }
    this.#flushing = false;
  }

  /** What waits, and what comes meanwhile: who writes again as soon as a write is done finds the lock still there. */
  async #carryOutAll(directory: number): Promise<void> {
    const until = performance.now() + longestHold;
    do await this.#carryOutNext(directory);
    while (this.#queue.length > 0 && performance.now() < until);
  }

  async #carryOutNext(directory: number): Promise<void> {
    const { batch, rest } = this.#next();
    this.#queue = rest;
    try {
      await this.#carryOut(batch, directory);
    } catch (error) {
      for (const each of batch) each.failed(error);
    }
    await this.#giveWay();
  }

  /** Lets whoever has just been answered write again, and at intervals everything else in this process go on. */
  async #giveWay(): Promise<void> {
    const due = performance.now() - this.#gaveWay > longestTurn;
    for (let i = 0; !due && this.#queue.length === 0 && i < answerSteps; i++) await undefined;
    if (!due && this.#queue.length > 0) return;
    await nextTurn();
    this.#gaveWay = performance.now();
  }

  async #lock(): Promise<DirectoryLock> {
    try {
      return await lockDirectory(this.directory);
    } catch (error) {
      // Somebody has removed the directory; the kubelet makes it again before each write.
      if (systemErrorCode(error) !== 'ENOENT') throw error;
      makeDirectory(this.directory);
      return lockDirectory(this.directory);
    }
  }

  /** Different keys at once; the same key again has to wait, or takes the place of the earlier one. */
  #next(): { batch: Waiting[]; rest: Waiting[] } {
    const batch = new Map<string, Waiting>();
    const rest: Waiting[] = [];
    for (const each of this.#queue) {
      const before = batch.get(each.key);
      if (before && !this.#options.coalesce) rest.push(each);
      else batch.set(each.key, before ? joined(before, each) : each);
    }
    return { batch: [...batch.values()], rest };
  }

  async #carryOut(batch: readonly Waiting[], directory: number): Promise<void> {
    this.#checkRoom(batch);
    const alone = batch.length === 1;
    const outcomes = await Promise.all(batch.map((waiting) => this.#writeTemporary(waiting, alone)));
    const written = outcomes.filter((each) => each !== undefined);
    const renamed: { waiting: Waiting; before: Before | undefined }[] = [];
    for (const { waiting, temporary, before } of written) {
      const path = join(this.directory, waiting.key);
      try {
        if (this.#options.history > 0) keepGeneration(this.directory, waiting.key, this.#options.history);
        renameSync(temporary, path);
        renamed.push({ waiting, before });
      } catch (error) {
        before?.close();
        rmSync(temporary, { force: true });
        waiting.failed(asGoError('rename', path, error));
      }
    }
    if (renamed.length === 0) return;
    try {
      await this.#sync(directory, alone);
      for (const { waiting } of renamed) waiting.done();
    } catch (error) {
      // What readers see must be what the caller was told: the old state.
      for (const { waiting, before } of renamed) this.#putBack(waiting, before, error);
    } finally {
      for (const { before } of renamed) before?.close();
    }
  }

  /**
   * Syncs in another thread, or here where `alone` on a disk that needs less time than waking one up takes. What
   * the disk needs is seen each time, so one that becomes slow holds everything else up once.
   */
  async #sync(fd: number, alone: boolean): Promise<void> {
    const started = performance.now();
    if (alone && this.#quickDisk) fsyncSync(fd);
    else await syncElsewhere(fd);
    const took = performance.now() - started;
    if (alone) this.#quickDisk = took < (this.#quickDisk ? slow : quick);
  }

  async #writeTemporary(waiting: Waiting, alone: boolean): Promise<Written | undefined> {
    const temporary = join(this.directory, `.stasis-${randomInt(2 ** 47)}`);
    let fd: number | undefined;
    try {
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      fd = openSync(temporary, flags, privateFile);
      writeAll(fd, waiting.bytes);
      const syncing = this.#sync(fd, alone);
      // While the disk works: what the file is now, should it have to be put back.
      const before = openBefore(join(this.directory, waiting.key));
      await syncing;
      closeSync(fd);
      return { waiting, temporary, before };
    } catch (error) {
      try {
        if (fd !== undefined) closeSync(fd);
      } catch {
        // Closed already, or failing for the reason that is being reported.
      }
      rmSync(temporary, { force: true });
      waiting.failed(asGoError(fd === undefined ? 'open' : 'write', temporary, error));
      return undefined;
    }
  }

  #putBack(waiting: Waiting, before: Before | undefined, error: unknown): void {
    const path = join(this.directory, waiting.key);
    try {
      if (before === undefined) unlinkSync(path);
      else replaceUnsynced(path, before.read());
    } catch (second) {
      waiting.failed(
        new AggregateError([error, second], `writing ${path}: ${String(error)}; then ${second}`),
      );
      return;
    }
    waiting.failed(asGoError('sync', this.directory, error));
  }

  #checkRoom(batch: readonly Waiting[]): void {
    if (this.#options.minimumFree === 0) return;
    const wanted = batch.reduce((sum, each) => sum + each.bytes.length, 0);
    const now = performance.now();
    const { minimumFree } = this.#options;
    // Others fill the disk as well, but not that much in so short a time; where they do, the write itself fails.
    if (now - this.#room.seen < roomFor && this.#room.free - wanted >= minimumFree + roomAssumed) {
      this.#room.free -= wanted;
      return;
    }
    const { bavail, bsize } = statfsSync(this.directory);
    const free = bavail * bsize;
    this.#room = { seen: now, free: free - wanted };
    if (free - wanted >= minimumFree) return;
    throw new CodedError(
      'resource-exhausted',
      `writing to ${this.directory}: ${free} bytes are free, ${wanted} are to be written and ` +
        `${minimumFree} have to stay free`,
      { data: { path: this.directory, free, wanted } },
    );
  }
}

/** Two writes of one key as one: the later bytes, both callers. */
function joined(first: Waiting, second: Waiting): Waiting {
  return {
    key: second.key,
    bytes: second.bytes,
    done: () => {
      first.done();
      second.done();
    },
    failed: (error) => {
      first.failed(error);
      second.failed(error);
    },
  };
}

/** Removes files that a writer left behind when it died. */
async function removeOrphans(directory: string): Promise<void> {
  const names = readdirSync(directory).filter((name) => isOurs(name) || isTemporaryName(name));
  if (names.length === 0) return;
  // With the lock nobody of ours is writing. A kubelet knows no lock: its files must be old.
  const lock = await lockDirectory(directory);
  try {
    for (const name of names) {
      const path = join(directory, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (!stat?.isFile()) continue;
      if (isOurs(name) || Date.now() - stat.mtimeMs > abandonedAfter) rmSync(path, { force: true });
    }
  } finally {
    lock.release();
  }
}

function isOurs(name: string): boolean {
  return /^\.stasis-[0-9]+$/.test(name);
}

function makeDirectory(directory: string): void {
  try {
    makeDirectoriesSync(directory, 0o755);
  } catch (error) {
    throw asGoError('mkdir', directory, error);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

/** Largest state, in bytes, that is read before it is replaced. */
const inMemory = 1 << 18;

/** What a file was, so that it can be put back. */
interface Before {
  read(): Uint8Array;
  close(): void;
}

/**
 * What is at `path` now. Up to 256 KiB are kept in memory: a file that is held open is deleted only when it is
 * closed, and on a journaling file system that deletion costs as much as another sync.
 */
function openBefore(path: string): Before | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
  const stat = fstatSync(fd);
  if (stat.isFile() && stat.size > inMemory)
    return { read: () => readFileSync(fd), close: () => closeSync(fd) };
  try {
    if (!stat.isFile()) return undefined;
    const bytes = Buffer.allocUnsafeSlow(stat.size);
    const length = readSync(fd, bytes, 0, stat.size, 0);
    return { read: () => bytes.subarray(0, length), close() {} };
  } finally {
    closeSync(fd);
  }
}

function replaceUnsynced(path: string, bytes: Uint8Array): void {
  const temporary = join(path, '..', `.stasis-${randomInt(2 ** 47)}`);
  const fd = openSync(temporary, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, privateFile);
  try {
    writeAll(fd, bytes);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}

/** As Go's `os.Remove`: a file or an empty directory. Whether anything was there. */
function remove(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    if (code !== 'EISDIR' && code !== 'EPERM') throw asGoError('remove', path, error);
  }
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    throw asGoError('remove', path, error);
  }
}

async function withDirectory(path: string, work: (fd: number) => Promise<void>): Promise<void> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await work(fd);
  } finally {
    closeSync(fd);
  }
}

function tooLarge(path: string, size: number, largest: number): CodedError {
  return new CodedError('resource-exhausted', `reading ${path}: ${size} bytes are more than ${largest}`, {
    data: { path, size },
  });
}
