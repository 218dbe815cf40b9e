import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { isTemporaryName } from './atomic-file.ts';
import { lockDirectory } from './directory-lock.ts';
import { makeDirectoriesSync } from './make-directories.ts';
import { isReplacementName } from './replacement.ts';
import { asGoError } from './system-error.ts';

/** How old another program's temporary file must be before it is taken for one that a crash left behind. */
const abandonedAfter = 10 * 60_000;

/** Makes the directory of a store (0755 less the umask) if it is missing. */
export function makeStoreDirectory(directory: string): void {
  try {
    makeDirectoriesSync(directory, 0o755);
  } catch (error) {
    throw asGoError('mkdir', directory, error);
  }
}

/** Removes files that a writer left behind when it died. */
export async function removeOrphans(directory: string): Promise<void> {
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

/** As Go's `os.Remove`: a file or an empty directory. Whether anything was there. */
export function removeEntry(path: string): boolean {
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

/** Runs `work` with the open directory, for its sync. */
export async function withDirectory(path: string, work: (fd: number) => Promise<void>): Promise<void> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await work(fd);
  } finally {
    closeSync(fd);
  }
}
