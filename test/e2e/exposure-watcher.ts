/**
 * A thread that looks without a pause whether anybody but root could read a file below some folders. It says what it
 * found when it is asked to stop.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

export interface Exposure {
  /** Paths that others could have read, with their modes. */
  exposed: string[];
  /** Files that were seen at all. */
  files: string[];
  looks: number;
}

const folders = workerData as readonly string[];
const exposed = new Set<string>();
const files = new Set<string>();
let looks = 0;
let stopped = false;

/** @param open whether others may pass through all folders above */
function look(path: string, open: boolean): void {
  let info: ReturnType<typeof lstatSync>;
  try {
    info = lstatSync(path);
  } catch {
    return; // It is gone already.
  }
  const mode = info.mode & 0o777;
  if (info.isFile()) {
    files.add(path);
    if (open && (mode & 0o066) !== 0) exposed.add(`${path} ${mode.toString(8)}`);
    return;
  }
  if (!info.isDirectory()) return;
  try {
    for (const name of readdirSync(path)) look(join(path, name), open && (mode & 0o011) !== 0);
  } catch {
    // It is gone already.
  }
}

parentPort?.once('message', () => {
  stopped = true;
});

const round = (): void => {
  for (const folder of folders) look(folder, true);
  looks++;
  if (!stopped) setImmediate(round);
  else parentPort?.postMessage({ exposed: [...exposed], files: [...files], looks } satisfies Exposure);
};
round();
