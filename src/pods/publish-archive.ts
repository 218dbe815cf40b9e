import { link } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointTarget } from '../api/kubelet-checkpoint.ts';
import { fileNameTime, makeFileName } from '../checkpoint/file-name.ts';
import { syncDirectory } from '../localfs/atomic-file.ts';

/**
 * Gives the complete archive of a container a second name in `directory`, which is on the same disk. A link cannot
 * replace what is there, unlike a rename.
 * @returns its path
 */
export async function publishArchive(
  temporary: string,
  directory: string,
  target: CheckpointTarget,
  now: () => number = Date.now,
): Promise<string> {
  for (let precise = false; ; precise = true) {
    const at = now();
    const time = fileNameTime(at, -new Date(at).getTimezoneOffset(), precise);
    const path = join(directory, makeFileName({ ...target, time }));
    try {
      await link(temporary, path);
      await syncDirectory(directory);
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (precise) await new Promise((done) => setTimeout(done, 1));
    }
  }
}
