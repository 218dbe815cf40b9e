import { constants } from 'node:fs';
import { chmod, lchown, link, lstat, lutimes, mkdir, open, readdir, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasRawBytes, plainName } from '../../archive/member-name.ts';
import type { TarEntry } from '../../archive/tar-parser.ts';
import type { StreamedMember } from '../../archive/tar-stream.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { makeDirectories } from '../../localfs/make-directories.ts';
import { rootedPath } from '../../localfs/rooted-path.ts';
import { overlayRemovals, plainRemovals, type RemovalRules } from './layer-removals.ts';
import { runProgram } from './run-program.ts';

export interface UnpackTarget {
  /** Where the files go; nobody else writes there meanwhile. */
  folder: string;
  /**
   * For a folder that becomes a layer of an overlay: the layers below it, the topmost first; what the archive
   * removes becomes a marker that hides theirs. Without it, it is removed from `folder` itself.
   */
  below?: readonly string[];
  /** Names mean nothing but themselves: a file may be called as what removes another in a layer. */
  plain?: boolean;
}

export interface UnpackResult {
  members: number;
  bytes: number;
  /** Members that could not be kept as they are (extended attributes, kinds that no file can be). */
  notes: string[];
}

const whiteout = '.wh.';
const opaque = '.wh..wh..opq';
const mostNotes = 20;
const linkFree = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Writes the members of an image layer, or of a container's changes, to disk. The archive is not trusted: no
 * name and no link leads out of the folder, and what stands in the way is replaced, never followed.
 * @throws CodedError `corrupt` for names and links that lead out or nowhere.
 */
export async function unpackLayer(
  members: AsyncIterable<StreamedMember>,
  target: UnpackTarget,
): Promise<UnpackResult> {
  const removals = target.below ? overlayRemovals(target.folder, target.below) : plainRemovals(target.folder);
  const result: UnpackResult = { members: 0, bytes: 0, notes: [] };
  const folders: { path: string; entry: TarEntry }[] = [];
  for await (const member of members) {
    const name = checkedName(member.entry.name);
    result.members++;
    if (name === '') {
      folders.push({ path: target.folder, entry: member.entry });
      continue;
    }
    if (!target.plain && (await remove(removals, name))) continue;
    const parent = await parentFolder(target.folder, dirname(name));
    const path = join(parent, basename(name));
    await writeMember(target.folder, path, member, result);
    removals.wrote(path);
    if (member.entry.type === 'directory') folders.push({ path, entry: member.entry });
  }
  await removals.finish();
  // Times last, and the innermost first: writing into a folder changes its own.
  for (const { path, entry } of folders.reverse()) await setAttributes(path, entry);
  return result;
}

function checkedName(stored: string): string {
  const name = plainName(stored.replace(/^\/+/, ''));
  const wrong = hasRawBytes(name)
    ? 'is not UTF-8'
    : name.split('/').includes('..')
      ? 'leads out of the layer'
      : name.includes('\0')
        ? 'holds a NUL'
        : undefined;
  if (wrong === undefined) return name;
  throw new CodedError('corrupt', `unpacking a layer: the name ${JSON.stringify(stored)} ${wrong}`);
}

/** Takes care of a member that says what is gone; false for one that is a file. */
async function remove(removals: RemovalRules, name: string): Promise<boolean> {
  const base = basename(name);
  if (!base.startsWith(whiteout)) return false;
  const parent = dirname(name) === '.' ? '' : dirname(name);
  if (base === opaque) await removals.below(parent);
  // Other names that begin so are bookkeeping of aufs.
  else if (!base.startsWith(`${whiteout}${whiteout}`)) {
    const hidden = base.slice(whiteout.length);
    if (hidden === '' || hidden === '.' || hidden === '..') {
      throw new CodedError('corrupt', `unpacking a layer: ${JSON.stringify(name)} removes nothing sensible`);
    }
    await removals.one(join(parent, hidden));
  }
  return true;
}

async function parentFolder(root: string, name: string): Promise<string> {
  const path = await rootedPath(root, name);
  try {
    await makeDirectories(path, 0o755);
  } catch (cause) {
    throw new CodedError('corrupt', `unpacking a layer: ${name} is not a folder`, { cause });
  }
  return path;
}

async function writeMember(
  root: string,
  path: string,
  member: StreamedMember,
  result: UnpackResult,
): Promise<void> {
  const { entry } = member;
  const there = await lstat(path).catch(() => undefined);
  if (there && !(there.isDirectory() && entry.type === 'directory')) {
    await rm(path, { recursive: true, force: true });
  }
  switch (entry.type) {
    case 'directory':
      if (!there?.isDirectory()) await mkdir(path, { mode: 0o700 });
      return;
    case 'file':
      result.bytes += await writeFile(path, member);
      break;
    case 'symlink':
      await symlink(entry.linkName, path);
      break;
    case 'hardlink':
      await hardLink(root, path, entry);
      return;
    case 'character-device':
    case 'block-device':
    case 'fifo':
      await makeNode(path, entry);
      break;
    default:
      note(result, `${entry.name}: a member of kind ${entry.type} is left out`);
      return;
  }
  if (entry.xattrs !== undefined) note(result, `${entry.name}: its extended attributes are not kept`);
  await setAttributes(path, entry);
}

async function writeFile(path: string, member: StreamedMember): Promise<number> {
  const handle = await open(path, linkFree, 0o600);
  let written = 0;
  try {
    for await (const piece of member.content()) {
      for (let at = 0; at < piece.length; ) at += (await handle.write(piece, at)).bytesWritten;
      written += piece.length;
    }
  } finally {
    await handle.close();
  }
  return written;
}

async function hardLink(root: string, path: string, entry: TarEntry): Promise<void> {
  const name = checkedName(entry.linkName);
  const target = await rootedPath(root, name, { keepLast: true });
  const info = await lstat(target).catch(() => undefined);
  if (info === undefined || info.isDirectory()) {
    throw new CodedError(
      'corrupt',
      `unpacking a layer: ${entry.name} is a hard link to ${JSON.stringify(entry.linkName)}, which is not there`,
    );
  }
  await link(target, path);
}

const nodeKind: Readonly<Record<string, string>> = {
  'character-device': 'c',
  'block-device': 'b',
  fifo: 'p',
};

async function makeNode(path: string, entry: TarEntry): Promise<void> {
  const kind = nodeKind[entry.type] ?? 'p';
  const numbers = kind === 'p' ? [] : [String(entry.devMajor), String(entry.devMinor)];
  const run = await runProgram('mknod', ['--mode=600', path, kind, ...numbers]);
  if (run.status !== 0) throw new CodedError('internal', `unpacking a layer: ${run.stderr.trim()}`);
}

async function setAttributes(path: string, entry: TarEntry): Promise<void> {
  await lchown(path, entry.uid, entry.gid);
  // After the owner: changing that takes set-user-id bits away.
  if (entry.type !== 'symlink') await chmod(path, entry.mode & 0o7777);
  await lutimes(path, entry.mtime, entry.mtime);
}

function note(result: UnpackResult, text: string): void {
  if (result.notes.length < mostNotes) result.notes.push(text);
}

/** Names in a folder, nothing where it is none. */
export async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
