import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import type { DiskRoom } from './disk-room.ts';
import type { DiskSync } from './disk-sync.ts';
import { keepGeneration } from './generations.ts';
import { OwnStates, Replacement } from './replacement.ts';
import { makeStoreDirectory, withDirectory } from './store-directory.ts';
import { asGoError, failureOf, systemErrorCode } from './system-error.ts';

export interface WriteQueueOptions {
  /** How many earlier states of each file to keep. */
  history: number;
  /** Of several writes of one key that wait, only the last one is carried out. */
  coalesce: boolean;
  room: DiskRoom;
  sync: DiskSync;
}

/** Milliseconds after which other processes get their turn, however much there is to write. */
const longestHold = 50;

/** Milliseconds that writes may keep timers and sockets of this process waiting. */
const longestTurn = 4;
/** Steps of promises between an answer and the next write of whoever waited for it. */
const answerSteps = 20;

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
 * Writes of whole files in one directory. Those that arrive while the disk is busy are carried out together, under one
 * lock and with one sync of the directory; each is answered when it is on disk.
 */
export class WriteQueue {
  readonly #directory: string;
  readonly #options: WriteQueueOptions;
  #waiting: Waiting[] = [];
  #flushing = false;
  #gaveWay = 0;
  readonly #own = new OwnStates();

  constructor(directory: string, options: WriteQueueOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  /** @param bytes not to be changed any more. @returns when the file is on disk */
  write(key: string, bytes: Uint8Array): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ key, bytes, done, failed });
      if (!this.#flushing) void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    // Everyone who writes in the same turn goes into one batch.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      let lock: DirectoryLock;
      try {
        lock = await this.#lock();
      } catch (error) {
        for (const each of this.#waiting.splice(0)) each.failed(error);
        break;
      }
      try {
        await withDirectory(this.#directory, (fd) => this.#carryOutAll(fd));
      } catch (error) {
        for (const each of this.#waiting.splice(0)) each.failed(asGoError('open', this.#directory, error));
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
    while (this.#waiting.length > 0 && performance.now() < until);
  }

  async #carryOutNext(directory: number): Promise<void> {
    const { batch, rest } = this.#next();
    this.#waiting = rest;
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
    for (let i = 0; !due && this.#waiting.length === 0 && i < answerSteps; i++) await undefined;
    if (!due && this.#waiting.length > 0) return;
    await nextTurn();
    this.#gaveWay = performance.now();
  }

  async #lock(): Promise<DirectoryLock> {
    try {
      return await lockDirectory(this.#directory);
    } catch (error) {
      // Somebody has removed the directory; the kubelet makes it again before each write.
      if (systemErrorCode(error) !== 'ENOENT') throw error;
      makeStoreDirectory(this.#directory);
      return lockDirectory(this.#directory);
    }
  }

  /** Different keys at once; the same key again has to wait, or takes the place of the earlier one. */
  #next(): { batch: Waiting[]; rest: Waiting[] } {
    const batch = new Map<string, Waiting>();
    const rest: Waiting[] = [];
    for (const each of this.#waiting) {
      const before = batch.get(each.key);
      if (before && !this.#options.coalesce) rest.push(each);
      else batch.set(each.key, before ? joined(before, each) : each);
    }
    return { batch: [...batch.values()], rest };
  }

  async #carryOut(batch: readonly Waiting[], directory: number): Promise<void> {
    const { room, sync } = this.#options;
    room.take(batch.reduce((sum, each) => sum + each.bytes.length, 0));
    const alone = batch.length === 1;
    // Nothing is waited for then, not even a promise: on such a disk each turn of the event loop counts.
    const here = alone && sync.isQuick;
    const begun = batch.map((waiting) => this.#begin(waiting)).filter((each) => each !== undefined);
    const syncing = here ? undefined : begun.map(({ file }) => sync.elsewhere(file.fd, alone));
    const kept = begun.map(({ file }) => failureOf(() => file.keepBefore(this.#own)));
    const synced = syncing ? await Promise.all(syncing) : begun.map(({ file }) => sync.here(file.fd));
    const published = begun.filter((each, i) => this.#publish(each, synced[i] ?? kept[i]));
    if (published.length === 0) return;
    const failure = here ? sync.here(directory) : await sync.elsewhere(directory, alone);
    for (const { waiting, file } of published) {
      if (failure === undefined) {
        file.done(this.#own);
        waiting.done();
      } else this.#putBack(waiting, file, failure);
    }
  }

  #begin(waiting: Waiting): Begun | undefined {
    try {
      return { waiting, file: Replacement.write(this.#directory, waiting.key, waiting.bytes) };
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
      if (this.#options.history > 0) keepGeneration(this.#directory, waiting.key, this.#options.history);
      file.publish();
      return true;
    } catch (error) {
      file.discard();
      waiting.failed(asGoError('rename', join(this.#directory, waiting.key), error));
      return false;
    }
  }

  #putBack(waiting: Waiting, file: Replacement, failure: unknown): void {
    const second = failureOf(() => file.putBack(this.#own));
    if (second === undefined) waiting.failed(asGoError('sync', this.#directory, failure));
    else {
      const path = join(this.#directory, waiting.key);
      waiting.failed(
        new AggregateError([failure, second], `writing ${path}: ${String(failure)}; then ${second}`),
      );
    }
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
