import { randomInt } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { privateFile } from './atomic-file.ts';
import { asGoError } from './system-error.ts';

/** Largest state, in bytes, that is kept in memory in case it has to be put back. */
const inMemory = 1 << 18;
/** Bytes of states that a store remembers, all keys together. */
const remembered = 1 << 20;

const temporaryPrefix = '.stasis-';

/** Whether `name` is that of a file that is being written, or that a crash left behind. */
export function isReplacementName(name: string): boolean {
  return /^\.stasis-[0-9]+$/.test(name);
}

/** What a file was, so that it can be put back. */
interface Before {
  read(): Uint8Array;
  close(): void;
}

/**
 * A file on its way to be replaced by a complete one: {@link write}, a sync of `fd`, {@link publish}, a sync of the
 * directory; then {@link done}, or {@link putBack} where that sync failed. What fails before is {@link discard}ed.
 */
export class Replacement {
  /** The file that was written, until it is published. */
  readonly fd: number;
  readonly temporaryPath: string;
  readonly #path: string;
  readonly #bytes: Uint8Array;
  #open = true;
  #written: Stats | undefined;
  #before: Before | undefined;

  private constructor(path: string, temporaryPath: string, fd: number, bytes: Uint8Array) {
    this.#path = path;
    this.temporaryPath = temporaryPath;
    this.fd = fd;
    this.#bytes = bytes;
  }

  /**
   * Writes the bytes beside the file `key`.
   * @param bytes nobody else's from here on
   * @throws CodedError in Go's words; nothing is left behind then
   */
  static write(directory: string, key: string, bytes: Uint8Array): Replacement {
    const temporary = join(directory, `${temporaryPrefix}${randomInt(2 ** 47)}`);
    let fd: number;
    try {
      fd = create(temporary);
    } catch (error) {
      throw asGoError('open', temporary, error);
    }
    const made = new Replacement(join(directory, key), temporary, fd, bytes);
    try {
      writeAll(fd, bytes);
      return made;
    } catch (error) {
      made.discard();
      throw asGoError('write', temporary, error);
    }
  }

  /** Keeps what the file is now, should it have to be put back. Best while the disk works. @throws the system's error */
  keepBefore(own: OwnStates): void {
    const bytes = own.current(this.#path);
    this.#before = bytes ? { read: () => bytes, close() {} } : openBefore(this.#path);
  }

  /** Gives the file its name. @throws the system's error */
  publish(): void {
    // The change time is left out of it: the rename is a change.
    this.#written = fstatSync(this.fd);
    this.#close();
    renameSync(this.temporaryPath, this.#path);
  }

  done(own: OwnStates): void {
    this.#before?.close();
    if (this.#written) own.keep(this.#path, this.#written, this.#bytes);
  }

  /** What readers see must be what the caller was told: the old state. @throws the system's error */
  putBack(own: OwnStates): void {
    own.forget(this.#path);
    try {
      if (this.#before === undefined) unlinkSync(this.#path);
      else replaceUnsynced(this.#path, this.#before.read());
    } finally {
      this.#before?.close();
    }
  }

  /** Leaves nothing behind. Not after it was published. */
  discard(): void {
    this.#before?.close();
    try {
      this.#close();
    } catch {
      // Failing for the reason that is being reported.
    }
    rmSync(this.temporaryPath, { force: true });
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.fd);
  }
}

/**
 * What a store wrote last: nothing that has to be read again while it is still there. Whoever replaces a file or
 * writes into it changes its inode, its size or its modification time.
 */
export class OwnStates {
  readonly #states = new Map<string, { ino: number; size: number; mtimeMs: number; bytes: Uint8Array }>();
  #size = 0;

  /** The bytes of the file at `path`, if they are what was written last. @throws the system's error */
  current(path: string): Uint8Array | undefined {
    const own = this.#states.get(path);
    if (!own) return undefined;
    const now = lstatSync(path, { throwIfNoEntry: false });
    const same = now?.ino === own.ino && now.size === own.size && now.mtimeMs === own.mtimeMs;
    return same ? own.bytes : undefined;
  }

  keep(path: string, { ino, size, mtimeMs }: Stats, bytes: Uint8Array): void {
    this.forget(path);
    if (bytes.length > inMemory || size !== bytes.length) return;
    this.#states.set(path, { ino, size, mtimeMs, bytes });
    this.#size += bytes.length;
    for (const oldest of this.#states.keys()) {
      if (this.#size <= remembered) break;
      this.forget(oldest);
    }
  }

  forget(path: string): void {
    this.#size -= this.#states.get(path)?.bytes.length ?? 0;
    this.#states.delete(path);
  }
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
  const temporary = join(path, '..', `${temporaryPrefix}${randomInt(2 ** 47)}`);
  const fd = create(temporary);
  try {
    writeAll(fd, bytes);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}

function create(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  return openSync(path, flags, privateFile);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
