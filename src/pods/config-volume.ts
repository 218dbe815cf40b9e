import type { Buffer } from 'node:buffer';
import { randomInt } from 'node:crypto';
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDirectories } from '../localfs/make-directories.ts';

/** A file of a volume that the node writes. */
export interface VolumeFile {
  /** Relative. */
  path: string;
  content: Buffer;
  mode: number;
}

const dataLink = '..data';

/**
 * Makes the files of a volume, all of them changed in one step, in the layout that programs know from the
 * kubelet: `key` → `..data/key`, `..data` → the folder with this state of the files.
 * @returns whether anything changed
 */
export async function writeConfigVolume(volume: string, files: readonly VolumeFile[]): Promise<boolean> {
  const current = await readlink(join(volume, dataLink)).catch(() => undefined);
  const same = current !== undefined && (await isSame(join(volume, current), files));
  const name = same ? current : await writeState(volume, files);
  // Also where nothing changed: who wrote it may have been killed before this.
  await linkNames(volume, new Set(files.map(({ path }) => path.split('/')[0] ?? '')));
  for (const left of await readdir(volume)) {
    if (left.startsWith('..') && left !== dataLink && left !== name) {
      await rm(join(volume, left), { recursive: true, force: true });
    }
  }
  return !same;
}

/** A folder with the files, made the current one. */
async function writeState(volume: string, files: readonly VolumeFile[]): Promise<string> {
  const name = `..${randomInt(2 ** 47)}`;
  await mkdir(join(volume, name), { mode: 0o755 });
  await chmod(join(volume, name), 0o755);
  for (const { path, content, mode } of files) {
    const target = join(volume, name, path);
    await makeDirectories(dirname(target), 0o755);
    await writeFile(target, content, { mode: 0o600, flag: 'wx' });
    await chmod(target, mode);
  }
  const next = join(volume, '..next');
  await rm(next, { force: true });
  await symlink(name, next);
  await rename(next, join(volume, dataLink));
  return name;
}

async function linkNames(volume: string, names: ReadonlySet<string>): Promise<void> {
  const there = (await readdir(volume)).filter((name) => !name.startsWith('..'));
  for (const name of there) if (!names.has(name)) await rm(join(volume, name), { force: true });
  for (const name of names) {
    if (!there.includes(name)) await symlink(join(dataLink, name), join(volume, name));
  }
}

async function isSame(folder: string, files: readonly VolumeFile[]): Promise<boolean> {
  const there = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (!there || there.filter((entry) => !entry.isDirectory()).length !== files.length) return false;
  for (const { path, content, mode } of files) {
    const target = join(folder, path);
    const found = await stat(target).catch(() => undefined);
    if (!found || (found.mode & 0o777) !== mode || found.size !== content.length) return false;
    if (!content.equals(await readFile(target))) return false;
  }
  return true;
}
