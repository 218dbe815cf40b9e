import { linkSync, readdirSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { privateDirectory } from './atomic-file.ts';
import { makeDirectoriesSync } from './make-directories.ts';

/** Folder, beside the files, that holds what they were before. Hidden, so that no listing takes it for a key. */
const folder = '.stasis-history';

/** An earlier state of a file. */
export interface Generation {
  path: string;
  /** Counts up with each write that kept the one before it. */
  number: number;
}

/** Earlier states of the file `key` in `directory`, newest first. */
export async function listGenerations(directory: string, key: string): Promise<Generation[]> {
  const names = await readdir(join(directory, folder)).catch(() => [] as string[]);
  return generationsAmong(directory, key, names);
}

/**
 * Keeps the file as it is now as a generation, and of these the newest `keep`. A hard link, because a file
 * here is only ever replaced, never written into. Nothing happens when there is no such file.
 */
export function keepGeneration(directory: string, key: string, keep: number): void {
  makeDirectoriesSync(join(directory, folder), privateDirectory);
  const before = generationsAmong(directory, key, readdirSync(join(directory, folder)));
  const number = (before[0]?.number ?? 0) + 1;
  try {
    linkSync(join(directory, key), join(directory, folder, `${key}.${number}`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  for (const old of before.slice(keep - 1)) rmSync(old.path, { force: true });
}

function generationsAmong(directory: string, key: string, names: readonly string[]): Generation[] {
  const found: Generation[] = [];
  for (const name of names) {
    const number = name.startsWith(`${key}.`) ? name.slice(key.length + 1) : '';
    if (!/^[1-9][0-9]{0,14}$/.test(number)) continue;
    found.push({ path: join(directory, folder, name), number: Number(number) });
  }
  return found.sort((a, b) => b.number - a.number);
}
