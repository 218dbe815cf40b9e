import type { Stats } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type NewMember, writeTar } from '../../archive/tar-writer.ts';
import { privateFile } from '../../localfs/atomic-file.ts';
import { openFileSource } from '../../localfs/file-source.ts';

/**
 * Writes members as an archive to a new file that only we can read. It is not synced to the disk: whoever waits
 * for this may be keeping a container frozen, and what was not finished is thrown away anyhow.
 * @param check Called between pieces; what it throws ends the work.
 */
export async function writeMembers(
  members: Iterable<NewMember> | AsyncIterable<NewMember>,
  file: string,
  check: () => void,
): Promise<void> {
  const out = await open(file, 'wx', privateFile);
  try {
    for await (const piece of writeTar(members)) {
      check();
      for (let at = 0; at < piece.length; ) at += (await out.write(piece, at)).bytesWritten;
    }
  } finally {
    await out.close();
  }
}

/**
 * Everything in a folder that the pod's programs share: files, folders, links and pipes.
 * @param notes Gets a sentence for each thing that no archive holds.
 */
export async function* treeMembers(root: string, notes: string[] = []): AsyncGenerator<NewMember> {
  /** First name of each file that has several. */
  const links = new Map<string, string>();
  const todo = [''];
  for (let folder = todo.pop(); folder !== undefined; folder = todo.pop()) {
    for (const name of await namesOf(join(root, folder), notes)) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const info = await lstat(join(root, path));
      if (info.isDirectory()) todo.push(path);
      const first = info.isFile() && info.nlink > 1 ? links.get(`${info.dev}:${info.ino}`) : undefined;
      if (first !== undefined) {
        yield { ...headerOf(path, info), type: 'hardlink', linkName: first };
        continue;
      }
      if (info.nlink > 1) links.set(`${info.dev}:${info.ino}`, path);
      yield* treeMember(join(root, path), path, info, notes);
    }
  }
}

async function namesOf(folder: string, notes: string[]): Promise<string[]> {
  const names: string[] = [];
  for (const raw of await readdir(folder, { encoding: 'buffer' })) {
    const name = raw.toString('utf8');
    if (Buffer.from(name, 'utf8').equals(raw)) names.push(name);
    else notes.push(`${JSON.stringify(name)} is left out: its name is not UTF-8`);
  }
  return names.sort();
}

/** What every kind of member has. */
export function headerOf(name: string, { mode, uid, gid, mtimeMs }: Stats) {
  return { name, mode: mode & 0o7777, uid, gid, mtime: Math.max(0, mtimeMs / 1000) };
}

async function* treeMember(
  path: string,
  name: string,
  info: Stats,
  notes: string[],
): AsyncGenerator<NewMember> {
  const header = headerOf(name, info);
  if (info.isDirectory()) yield { ...header, type: 'directory' };
  else if (info.isSymbolicLink()) yield { ...header, type: 'symlink', linkName: await readlink(path) };
  else if (info.isFIFO()) yield { ...header, type: 'fifo' };
  else if (info.isFile()) {
    const content = await openFileSource(path);
    try {
      yield { ...header, content };
    } finally {
      await content.close();
    }
  } else {
    const kind = info.isSocket() ? 'a socket' : 'a device';
    notes.push(`${JSON.stringify(name)} is left out: it is ${kind}`);
  }
}
