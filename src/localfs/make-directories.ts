import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemErrorCode } from './system-error.ts';

/**
 * Makes the directory and those above it that are missing, all with `mode`. Unlike Node's own recursive mkdir
 * it comes to an end where a parent says ENOENT although it exists, as folders below /proc do.
 * @throws the system's error.
 */
export async function makeDirectories(path: string, mode: number): Promise<void> {
  const whole = resolve(path);
  try {
    await makeOne(whole, mode);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT' || dirname(whole) === whole) throw error;
    await makeDirectories(dirname(whole), mode);
    await makeOne(whole, mode);
  }
}

async function makeOne(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, mode);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
  }
}
