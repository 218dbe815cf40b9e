import { randomInt } from 'node:crypto';
import { closeSync, constants, fsync, openSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const syncLater = promisify(fsync);

/** Permission bits of files that hold secrets or memory. */
export const privateFile = 0o600;
/** Permission bits of folders that hold such files. */
export const privateDirectory = 0o700;

/**
 * A file that appears under its final name only when it is complete: written to a temporary file in the same
 * directory, synced, renamed, and the directory synced. A crash at any point leaves the old file or the new
 * one. Until `commit` nothing is visible; `discard` leaves nothing behind.
 *
 * The temporary name is `.` and a random number, as Kubernetes' checkpoint manager names its own, so that a
 * listing that hides dot files hides it, and either program cleans up after the other.
 */
export class AtomicFile {
  readonly path: string;
  readonly temporaryPath: string;
  readonly handle: FileHandle;
  #open = true;

  private constructor(path: string, temporaryPath: string, handle: FileHandle) {
    this.path = path;
    this.temporaryPath = temporaryPath;
    this.handle = handle;
  }

  static async create(path: string, mode: number = privateFile): Promise<AtomicFile> {
    for (;;) {
      const temporary = join(dirname(path), `.${randomInt(2 ** 47)}`);
      try {
        const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
        const handle = await open(temporary, flags, mode);
        return new AtomicFile(path, temporary, handle);
      } catch (error) {
        // Messages name the file that was wanted.
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw Object.assign(error as Error, { path });
      }
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      at += (await this.handle.write(bytes, at)).bytesWritten;
    }
  }

  /** Makes the file durable under its final name. On failure nothing remains of it. */
  async commit(): Promise<void> {
    try {
      await this.handle.sync();
      await this.#close();
      await rename(this.temporaryPath, this.path);
    } catch (error) {
      await this.discard();
      throw error;
    }
    await syncDirectory(dirname(this.path));
  }

  /** Removes what was written. Safe after a failed commit; a committed file is not touched. */
  async discard(): Promise<void> {
    try {
      await this.#close();
    } finally {
      await rm(this.temporaryPath, { force: true });
    }
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.handle.close();
  }
}

/** Whether `name` is one that {@link AtomicFile} gives to its temporary files. */
export function isTemporaryName(name: string): boolean {
  return /^\.[0-9]+$/.test(basename(name));
}

/** Replaces the file at `path` by `bytes`: after this returns, they survive a power failure. */
export async function writeFileAtomic(
  path: string,
  bytes: Uint8Array,
  mode: number = privateFile,
): Promise<void> {
  const file = await AtomicFile.create(path, mode);
  try {
    await file.write(bytes);
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.commit();
}

/** Makes the names in the directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  // Only the sync takes longer than waking another thread up.
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await syncLater(fd);
  } finally {
    closeSync(fd);
  }
}
