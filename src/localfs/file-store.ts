import {
  closeSync,
  constants,
  fsync,
  fsyncSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { validateKey } from '../checkpointmanager/errors.ts';
import { compareText } from '../checkpointmanager/go-syntax.ts';
import { KeyNotFoundError, type Store } from '../checkpointmanager/store.ts';
import { CodedError } from '../errors/coded-error.ts';
import { isTemporaryName } from './atomic-file.ts';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import { keepGeneration } from './generations.ts';
import { makeDirectoriesSync } from './make-directories.ts';
import { isReplacementName, OwnStates, Replacement } from './replacement.ts';
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

/** A write whose file is on its way. */
interface Begun {
  waiting: Waiting;
  file: Replacement;
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
  readonly #own = new OwnStates();
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
      await withDirectory(this.directory, async (fd) => {
        const failure = await this.#syncElsewhere(fd, false);
        if (failure !== undefined) throw failure;
      });
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
    // Nothing is waited for then, not even a promise: on such a disk each turn of the event loop counts.
    const here = alone && this.#quickDisk;
    const begun = batch.map((waiting) => this.#begin(waiting)).filter((each) => each !== undefined);
    const syncing = here ? undefined : begun.map(({ file }) => this.#syncElsewhere(file.fd, alone));
    const kept = begun.map(({ file }) => failureOf(() => file.keepBefore(this.#own)));
    const synced = syncing ? await Promise.all(syncing) : begun.map(({ file }) => this.#syncHere(file.fd));
    const published = begun.filter((each, i) => this.#publish(each, synced[i] ?? kept[i]));
    if (published.length === 0) return;
    const failure = here ? this.#syncHere(directory) : await this.#syncElsewhere(directory, alone);
    for (const { waiting, file } of published) {
      if (failure === undefined) {
        file.done(this.#own);
        waiting.done();
      } else this.#putBack(waiting, file, failure);
    }
  }

  #begin(waiting: Waiting): Begun | undefined {
    try {
      return { waiting, file: Replacement.write(this.directory, waiting.key, waiting.bytes) };
    } catch (error) {
      waiting.failed(error);
      return undefined;
    }
  }

  /** @param failure what went wrong before, if something did */
  #publish({ waiting, file }: Begun, failure: unknown): boolean {
    if (failure !== undefined) {
      file.discard();
      waiting.failed(asGoError('write', file.temporaryPath, failure));
      return false;
    }
    try {
      if (this.#options.history > 0) keepGeneration(this.directory, waiting.key, this.#options.history);
      file.publish();
      return true;
    } catch (error) {
      file.discard();
      waiting.failed(asGoError('rename', join(this.directory, waiting.key), error));
      return false;
    }
  }

  #putBack(waiting: Waiting, file: Replacement, failure: unknown): void {
    const second = failureOf(() => file.putBack(this.#own));
    if (second === undefined) waiting.failed(asGoError('sync', this.directory, failure));
    else {
      const path = join(this.directory, waiting.key);
      waiting.failed(
        new AggregateError([failure, second], `writing ${path}: ${String(failure)}; then ${second}`),
      );
    }
  }

  /**
   * Syncs in another thread; what went wrong. What the disk needs is seen each time, so one that becomes slow holds
   * everything else up once.
   * @param alone so that the time says what one sync takes
   */
  async #syncElsewhere(fd: number, alone: boolean): Promise<unknown> {
    const started = performance.now();
    const failure = await syncElsewhere(fd).then(nothing, (error: unknown) => error);
    if (alone) this.#quickDisk = performance.now() - started < quick;
    return failure;
  }

  /** Syncs in this one, on a disk that needs less time than waking another one up takes; what went wrong. */
  #syncHere(fd: number): unknown {
    const started = performance.now();
    const failure = failureOf(() => fsyncSync(fd));
    this.#quickDisk = performance.now() - started < slow;
    return failure;
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

function nothing(): undefined {}

/** What `work` throws. */
function failureOf(work: () => void): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
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
  const names = readdirSync(directory).filter((name) => isReplacementName(name) || isTemporaryName(name));
  if (names.length === 0) return;
  // With the lock nobody of ours is writing. A kubelet knows no lock: its files must be old.
  const lock = await lockDirectory(directory);
  try {
    for (const name of names) {
      const path = join(directory, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (!stat?.isFile()) continue;
      if (isReplacementName(name) || Date.now() - stat.mtimeMs > abandonedAfter)
        rmSync(path, { force: true });
    }
  } finally {
    lock.release();
  }
}

function makeDirectory(directory: string): void {
  try {
    makeDirectoriesSync(directory, 0o755);
  } catch (error) {
    throw asGoError('mkdir', directory, error);
  }
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
