import { constants } from 'node:fs';
import { chmod, lchown, link, lstat, lutimes, mkdir, open, readdir, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasRawBytes, plainName } from '../../archive/member-name.ts';
import type { TarEntry } from '../../archive/tar-parser.ts';
import type { StreamedMember } from '../../archive/tar-stream.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { makeDirectories } from '../../localfs/make-directories.ts';
import { rootedPath } from '../../localfs/rooted-path.ts';
import { giveXattrs } from './file-facts.ts';
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
  /** Extended attributes are given to the files; where it is left out they are named among what is not kept. */
  xattrs?: boolean;
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
  const xattrs = new Map<string, Readonly<Record<string, string>>>();
  for await (const member of members) {
    const name = checkedName(member.entry.name);
    result.members++;
    if (name === '') {
      xattrs.set('', member.entry.xattrs ?? {});
      folders.push({ path: target.folder, entry: member.entry });
      continue;
    }
    if (!target.plain && (await remove(removals, name))) continue;
    const parent = await parentFolder(target.folder, dirname(name));
    const path = join(parent, basename(name));
    await writeMember(target.folder, path, member, result);
    removals.wrote(path);
    // What a later member replaces has none of the earlier one's.
    const own = member.entry.type === 'hardlink' ? undefined : member.entry.xattrs;
    if (own) xattrs.set(name, own);
    else xattrs.delete(name);
    if (member.entry.type === 'directory') folders.push({ path, entry: member.entry });
  }
  await removals.finish();
  // Times last, and the innermost first: writing into a folder changes its own.
  for (const { path, entry } of folders.reverse()) await setAttributes(path, entry);
  await keepXattrs(target, xattrs, result);
  return result;
}

/** Last of all: whatever else is done to a file may take its capabilities away, and access lists go on to new files. */
async function keepXattrs(
  { folder, xattrs: keep = false }: UnpackTarget,
  found: ReadonlyMap<string, Readonly<Record<string, string>>>,
  result: UnpackResult,
): Promise<void> {
  const wanted = new Map<string, Readonly<Record<string, string>>>();
  for (const [name, xattrs] of found) {
    if (Object.keys(xattrs).length === 0) continue;
    // A link that a later member put in the way leads elsewhere.
    const there = keep && (await rootedPath(folder, name, { keepLast: true })) === join(folder, name);
    if (there) wanted.set(name, xattrs);
    else note(result, `${name}: its extended attributes are not kept`);
  }
  if (wanted.size > 0) for (const text of await giveXattrs(folder, wanted)) note(result, text);
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
  await setAttributes(path, entry);
}

async function writeFile(path: string, member: StreamedMember): Promise<number> {
  const handle = await open(path, linkFree, 0o600);
  const { sparse } = member.entry;
  let written = 0;
  let next = 0;
  try {
    for await (const piece of member.content()) {
      // A piece is of one segment, or of the hole before it.
      for (let one = sparse?.[next]; one && one.offset + one.length <= written; one = sparse?.[next]) next++;
      if (sparse === undefined || written >= (sparse[next]?.offset ?? Number.POSITIVE_INFINITY)) {
        for (let at = 0; at < piece.length; ) {
          at += (await handle.write(piece, at, piece.length - at, written + at)).bytesWritten;
        }
      }
      written += piece.length;
    }
    if (sparse !== undefined) await handle.truncate(written);
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
