import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type NewMember, writeTar } from '../../archive/tar-writer.ts';
import { privateFile } from '../../localfs/atomic-file.ts';
import { openFileSource } from '../../localfs/file-source.ts';
import type { FileFacts } from './file-facts.ts';

/** Bytes that are written to the file at once. */
const pieceSize = 1 << 20;

/** Files up to this size are read at once, in one go. */
const smallFile = 256 << 10;

/** After so many things the event loop has its turn: it is what hears of deadlines. */
const thingsInARow = 200;

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
  const write = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length; ) at += (await out.write(bytes, at)).bytesWritten;
  };
  // Headers, contents and paddings of small files are much quicker together.
  const together = Buffer.allocUnsafeSlow(pieceSize);
  let have = 0;
  try {
    for await (const piece of writeTar(members)) {
      check();
      if (have + piece.length > pieceSize) {
        await write(together.subarray(0, have));
        have = 0;
      }
      if (piece.length < pieceSize) {
        together.set(piece, have);
        have += piece.length;
      } else await write(piece);
    }
    await write(together.subarray(0, have));
  } finally {
    await out.close();
  }
}

/**
 * Everything in a folder that the pod's programs share: files, folders, links and pipes.
 * @param notes Gets a sentence for each thing that no archive holds.
 * @param facts By path below the folder, what has extended attributes or holes.
 */
export async function* treeMembers(
  root: string,
  notes: string[] = [],
  facts: ReadonlyMap<string, FileFacts> = new Map(),
): AsyncGenerator<NewMember> {
  /** First name of each file that has several. */
  const links = new Map<string, string>();
  const todo = [''];
  let things = 0;
  for (let folder = todo.pop(); folder !== undefined; folder = todo.pop()) {
    for (const name of namesOf(join(root, folder), notes)) {
      if (++things % thingsInARow === 0) await new Promise((resolve) => setImmediate(resolve));
      const path = folder === '' ? name : `${folder}/${name}`;
      const info = lstatSync(join(root, path));
      if (info.isDirectory()) todo.push(path);
      const first = info.isFile() && info.nlink > 1 ? links.get(`${info.dev}:${info.ino}`) : undefined;
      if (first !== undefined) {
        yield { ...headerOf(path, info), type: 'hardlink', linkName: first };
        continue;
      }
      if (info.nlink > 1) links.set(`${info.dev}:${info.ino}`, path);
      yield* treeMember(join(root, path), path, info, { notes, facts: facts.get(path) });
    }
  }
}

function namesOf(folder: string, notes: string[]): string[] {
  const names: string[] = [];
  for (const raw of readdirSync(folder, { encoding: 'buffer' })) {
    const name = raw.toString('utf8');
    if (Buffer.from(name, 'utf8').equals(raw)) names.push(name);
    else notes.push(`${JSON.stringify(name)} is left out: its name is not UTF-8`);
  }
  return names.sort();
}

/** What every kind of member has. */
export function headerOf(name: string, { mode, uid, gid, mtimeMs }: Stats, facts?: FileFacts) {
  const xattrs = facts && Object.keys(facts.xattrs).length > 0 ? facts.xattrs : undefined;
  return { name, mode: mode & 0o7777, uid, gid, mtime: Math.max(0, mtimeMs / 1000), xattrs };
}

async function* treeMember(
  path: string,
  name: string,
  info: Stats,
  { notes, facts }: { notes: string[]; facts: FileFacts | undefined },
): AsyncGenerator<NewMember> {
  const header = headerOf(name, info, facts);
  if (info.isDirectory()) yield { ...header, type: 'directory' };
  else if (info.isSymbolicLink()) yield { ...header, type: 'symlink', linkName: readlinkSync(path) };
  else if (info.isFIFO()) yield { ...header, type: 'fifo' };
  else if (info.isFile() && info.size <= smallFile && !facts?.data) {
    yield { ...header, content: smallContent(path) };
  } else if (info.isFile()) {
    const content = await openFileSource(path);
    try {
      yield { ...header, content, sparse: facts?.data };
    } finally {
      await content.close();
    }
  } else {
    const kind = info.isSocket() ? 'a socket' : 'a device';
    notes.push(`${JSON.stringify(name)} is left out: it is ${kind}`);
  }
}

/** What is in a file that was small a moment ago. */
function smallContent(path: string): Uint8Array {
  const fd = openSync(
    path,
    constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_NOFOLLOW,
  );
  try {
    const bytes = Buffer.allocUnsafeSlow(fstatSync(fd).size);
    let have = 0;
    for (let count = -1; have < bytes.length && count !== 0; have += count) {
      count = readSync(fd, bytes, have, bytes.length - have, have);
    }
    return bytes.subarray(0, have);
  } finally {
    closeSync(fd);
  }
}
