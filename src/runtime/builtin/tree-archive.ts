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

/** Everything in a folder that the pod's programs share: files, folders, links and pipes. */
export async function* treeMembers(root: string): AsyncGenerator<NewMember> {
  const todo = [''];
  for (let folder = todo.pop(); folder !== undefined; folder = todo.pop()) {
    for (const name of (await readdir(join(root, folder))).sort()) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const info = await lstat(join(root, path));
      if (info.isDirectory()) todo.push(path);
      yield* treeMember(join(root, path), path, info);
    }
  }
}

async function* treeMember(path: string, name: string, info: Stats): AsyncGenerator<NewMember> {
  const { mode, uid, gid, mtimeMs } = info;
  const header = { name, mode: mode & 0o7777, uid, gid, mtime: Math.max(0, Math.floor(mtimeMs / 1000)) };
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
  }
}
