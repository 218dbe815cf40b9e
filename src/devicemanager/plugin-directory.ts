import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../errors/coded-error.ts';
import type { Log } from '../pods/node-pods.ts';

/** Our socket in the directory of plugins. */
export const registrationSocket = 'kubelet.sock';
/** An empty file by which a node says that plugins may register in the directory of the plugin watcher as well. */
const marker = 'DEPRECATION';

/**
 * Makes the directory ready for plugins: every socket in it is removed, which tells plugins to come again; files
 * and folders stay.
 */
export async function prepareDirectory(directory: string, log: Log): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    try {
      if ((await stat(path)).isSocket()) await rm(path);
    } catch (error) {
      log('warn', `taking away old sockets: ${path}: ${messageOf(error)}`);
    }
  }
  await writeFile(join(directory, marker), '');
}
