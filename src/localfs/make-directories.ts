import { mkdirSync, statSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemErrorCode } from './system-error.ts';

/**
 * Makes the directory and those above it that are missing, all with `mode`. Unlike Node's own recursive mkdir
 * it comes to an end where a parent says ENOENT although it exists, as folders below /proc do.
 * @returns the topmost directory that was made, undefined when nothing was missing.
 * @throws the system's error.
 */
export async function makeDirectories(path: string, mode: number): Promise<string | undefined> {
  const whole = resolve(path);
  try {
    return await makeOne(whole, mode);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT' || dirname(whole) === whole) throw error;
    const first = await makeDirectories(dirname(whole), mode);
    const last = await makeOne(whole, mode);
    return first ?? last;
  }
}

async function makeOne(path: string, mode: number): Promise<string | undefined> {
  try {
    await mkdir(path, mode);
    return path;
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
    return undefined;
  }
}

/** {@link makeDirectories} for those who cannot wait. */
export function makeDirectoriesSync(path: string, mode: number): string | undefined {
  const whole = resolve(path);
  try {
    return makeOneSync(whole, mode);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT' || dirname(whole) === whole) throw error;
    const first = makeDirectoriesSync(dirname(whole), mode);
    const last = makeOneSync(whole, mode);
    return first ?? last;
  }
}

function makeOneSync(path: string, mode: number): string | undefined {
  try {
    mkdirSync(path, mode);
    return path;
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
    return undefined;
  }
}
