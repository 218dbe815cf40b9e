import { constants, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { validateKey } from '../checkpointmanager/errors.ts';
import { compareText } from '../checkpointmanager/go-syntax.ts';
import { KeyNotFoundError, type Store } from '../checkpointmanager/store.ts';
import { CodedError } from '../errors/coded-error.ts';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import { DiskRoom } from './disk-room.ts';
import { DiskSync } from './disk-sync.ts';
import { makeStoreDirectory, removeEntry, removeOrphans, withDirectory } from './store-directory.ts';
import { asGoError, systemErrorCode } from './system-error.ts';
import { WriteQueue } from './write-queue.ts';

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

/**
 * One file per key in a directory, as the kubelet keeps them: mode 0600, replaced by renaming a complete file.
 * Beyond the kubelet's store a write is done when the directory is on disk too, processes exclude each other
 * with a lock that dies with its holder, and what a crash left behind is cleaned up when the store is opened.
 *
 * Writes that arrive while the disk is busy are carried out together, with one sync of the directory.
 */
export class FileStore implements Store {
  readonly directory: string;
  readonly #largest: number;
  readonly #sync = new DiskSync();
  readonly #writes: WriteQueue;

  private constructor(directory: string, options: FileStoreOptions) {
    const { history = 0, coalesce = false, minimumFree = 1 << 20, largest = 1 << 28 } = options;
    this.directory = directory;
    this.#largest = largest;
    const room = new DiskRoom(directory, minimumFree);
    this.#writes = new WriteQueue(directory, { history, coalesce, room, sync: this.#sync });
  }

  /** Makes the directory (0755 less the umask) if it is missing, and removes what a crash left in it. */
  static async open(directory: string, options: FileStoreOptions = {}): Promise<FileStore> {
    if (directory === '') throw new CodedError('invalid-argument', 'mkdir : no such file or directory');
    makeStoreDirectory(directory);
    // What cannot be cleaned (the disk went read-only, the reader is not the owner) can still be read, and a write
    // says itself what stands in its way.
    await removeOrphans(directory).catch(() => undefined);
    return new FileStore(directory, options);
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    validateKey(key);
    await this.#writes.write(key, bytes.slice());
  }

  async read(key: string): Promise<Uint8Array> {
    validateKey(key);
    const path = join(this.directory, key);
    try {
      const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const { size } = await handle.stat();
        if (size > this.#largest) throw tooLarge(path, size, this.#largest);
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
      if (!removeEntry(join(this.directory, key))) return;
      await withDirectory(this.directory, async (fd) => {
        const failure = await this.#sync.elsewhere(fd, false);
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
}

function tooLarge(path: string, size: number, largest: number): CodedError {
  return new CodedError('resource-exhausted', `reading ${path}: ${size} bytes are more than ${largest}`, {
    data: { path, size },
  });
}
