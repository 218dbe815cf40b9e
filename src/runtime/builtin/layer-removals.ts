import { randomInt } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { link, lstat, readdir, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { CodedError } from '../../errors/coded-error.ts';
import { makeDirectories } from '../../localfs/make-directories.ts';
import { rootedPath } from '../../localfs/rooted-path.ts';
import { runProgram } from './run-program.ts';

/** What becomes of the files that a layer says are gone. Names are relative to the layer. */
export interface RemovalRules {
  /** This file or folder of the layers below is gone. */
  one(name: string): Promise<void>;
  /** Everything in this folder that is of the layers below is gone. */
  below(name: string): Promise<void>;
  /** A member was written to this path. */
  wrote(path: string): void;
  /** All members have been seen. */
  finish(): Promise<void>;
}

/** Removes from the folder itself; what the same archive wrote stays. */
export function plainRemovals(root: string): RemovalRules {
  const written = new Set<string>();
  const inside = (path: string): boolean => [...written].some((each) => each.startsWith(`${path}/`));
  const drop = async (path: string): Promise<void> => {
    if (written.has(path)) return;
    if (!inside(path)) await rm(path, { recursive: true, force: true });
    else for (const name of await readdir(path)) await drop(join(path, name));
  };
  return {
    async one(name) {
      await drop(await rootedPath(root, name, { keepLast: true }));
    },
    async below(name) {
      const folder = await rootedPath(root, name);
      for (const entry of await entriesOf(folder)) await drop(join(folder, entry.name));
    },
    wrote: (path) => void written.add(path),
    async finish() {},
  };
}

/**
 * Leaves overlayfs's own marks in the folder: a character device 0/0 hides what has its name below. A folder
 * whose older content is gone gets one for each name below, so that no extended attribute is needed.
 */
export function overlayRemovals(root: string, layers: readonly string[]): RemovalRules {
  const gone = new Set<string>();
  const emptied = new Set<string>();
  const marks = new Whiteouts(root);
  const hide = async (name: string): Promise<void> => {
    const own = await lstat(join(root, name)).catch(() => undefined);
    if (own === undefined) await marks.put(join(root, name));
    else if (own.isDirectory()) await hideBelow(name);
  };
  const hideBelow = async (name: string): Promise<void> => {
    for (const each of await visibleBelow(layers, name)) await hide(join(name, each));
  };
  return {
    // The way there may lead over links that the layer itself has made.
    async one(name) {
      gone.add(relative(root, await rootedPath(root, name, { keepLast: true })));
    },
    async below(name) {
      emptied.add(relative(root, await rootedPath(root, name)));
    },
    wrote() {},
    // Only now is it known what the layer brings itself.
    async finish() {
      for (const name of gone) if (await isPlain(root, name)) await hide(name);
      for (const name of emptied) if (await isPlain(root, name)) await hideBelow(name);
      await marks.close();
    },
  };
}

/** Whether no link stands on the way to this name. */
async function isPlain(root: string, name: string): Promise<boolean> {
  return (await rootedPath(root, name, { keepLast: true })) === join(root, name);
}

/** Names that the layers below have in a folder, as far as they can be seen from above. */
async function visibleBelow(layers: readonly string[], name: string): Promise<Set<string>> {
  const names = new Set<string>();
  for (const layer of layers) {
    if ((await rootedPath(layer, name)) !== join(layer, name)) continue;
    for (const entry of await entriesOf(join(layer, name))) names.add(entry.name);
  }
  return names;
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
}

/** The marks of one layer: one device, and hard links to it. */
class Whiteouts {
  readonly #root: string;
  #first: string | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  async put(path: string): Promise<void> {
    this.#first ??= await makeMark(this.#root);
    await makeDirectories(dirname(path), 0o755);
    await link(this.#first, path);
  }

  async close(): Promise<void> {
    if (this.#first !== undefined) await rm(this.#first);
  }
}

async function makeMark(root: string): Promise<string> {
  const path = join(dirname(root), `.whiteout-${randomInt(2 ** 47)}`);
  const run = await runProgram('mknod', [path, 'c', '0', '0']);
  if (run.status !== 0) throw new CodedError('internal', `making a whiteout: ${run.stderr.trim()}`);
  return path;
}
