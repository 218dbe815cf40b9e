import { lstatSync } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isTemporaryName, privateDirectory, writeFileAtomic } from './atomic-file.ts';
import { makeDirectories } from './make-directories.ts';
import { isOursAlone } from './ours-alone.ts';
import { systemErrorCode } from './system-error.ts';

/** Directories whose archives are remembered; beyond, those not listed anew for longest are forgotten. */
export const mostIndexes = 64;

/** Temporary files of programs that were killed are removed after so many milliseconds. */
const abandoned = 3_600_000;

/**
 * Replaces the index at `path`, in `folder`, which is made where it is missing; without `bytes` the index goes.
 * Where that is not possible (read-only, full, somebody else's folder), the old one or none remains: an index
 * saves time and nothing else.
 */
export async function writeIndex(folder: string, path: string, bytes: Uint8Array | undefined): Promise<void> {
  try {
    await makeDirectories(folder, privateDirectory);
    if (!isOursAlone(lstatSync(folder))) return;
    if (bytes) await writeFileAtomic(path, bytes);
    else await rm(path, { force: true });
    await tidy(folder);
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
  }
}

async function tidy(folder: string): Promise<void> {
  const indexes: { path: string; written: number }[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const written = (await lstat(path).catch(() => undefined))?.mtimeMs;
    if (written === undefined) continue;
    if (name.startsWith('list-')) indexes.push({ path, written });
    else if (isTemporaryName(name) && written < Date.now() - abandoned) await rm(path, { force: true });
  }
  const oldest = indexes.sort((a, b) => b.written - a.written).slice(mostIndexes);
  for (const { path } of oldest) await rm(path, { force: true });
}
