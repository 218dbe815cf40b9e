import { lstat, opendir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type ArchiveLimits, checkLimit, defaultLimits } from '../archive/limits.ts';
import type { MemberType } from '../archive/tar-header.ts';
import type { Checkpoint, Member, RawMember } from '../checkpoint/checkpoint.ts';
import { filesCheckpoint } from '../checkpoint/from-files.ts';
import { memberFolders } from '../checkpoint/layout.ts';
import { CodedError } from '../errors/coded-error.ts';
import { openFileSource } from './file-source.ts';

/** An unpacked archive has two levels; volumes have more. */
const maxDepth = 16;

/**
 * The checkpoint in a directory: an unpacked archive, or CRIU's images alone (then they appear below
 * `checkpoint/`, and what CRIU writes beside them under its own name). Links are not followed.
 */
export function directoryCheckpoint(path: string, limits: ArchiveLimits = defaultLimits): Checkpoint {
  const paths = new Map<Member, string>();
  return filesCheckpoint(
    {
      async list(signal) {
        const raw: RawMember[] = [];
        const files: Member[] = [];
        const found = await walk(path, limits, signal);
        const bare = isImageDirectory(found.map(({ name }) => name));
        for (const entry of found) {
          const name = bare ? nameInArchive(entry.name) : entry.name;
          raw.push({ ...entry, name });
          if (entry.type !== 'file') continue;
          const member = { name, size: entry.size, mode: entry.mode, mtime: entry.mtime };
          files.push(member);
          paths.set(member, join(path, entry.name));
        }
        return { files, raw };
      },
      async open(member) {
        const source = await openFileSource(paths.get(member) ?? join(path, member.name));
        if (source.size === member.size) return source;
        await source.close();
        throw new CodedError('corrupt', `${join(path, member.name)} changed while it was looked at`);
      },
      async close() {},
    },
    { origin: path, format: 'directory', limits },
  );
}

/** Images by themselves, as `criu dump -D` or `crun checkpoint --image-path` leave them. */
function isImageDirectory(names: readonly string[]): boolean {
  const inside = names.some((name) => name.startsWith(memberFolders.images));
  return !inside && (names.includes('inventory.img') || names.includes('pstree.img'));
}

function nameInArchive(name: string): string {
  const beside = ['stats-dump', 'stats-restore', 'dump.log', 'restore.log'];
  return beside.includes(name) ? name : memberFolders.images + name;
}

interface Found extends RawMember {
  mtime: number;
}

/** Everything below `root`, in the order of names, folders before what is in them. */
async function walk(root: string, limits: ArchiveLimits, signal?: AbortSignal): Promise<Found[]> {
  const found: Found[] = [];
  async function descend(prefix: string, depth: number): Promise<void> {
    if (depth > maxDepth) {
      throw new CodedError('resource-exhausted', `${join(root, prefix)}: more than ${maxDepth} levels`);
    }
    const names: string[] = [];
    for await (const entry of await opendir(join(root, prefix))) {
      names.push(entry.name);
      checkLimit(limits, 'members', found.length + names.length, root);
    }
    for (const name of names.sort()) {
      signal?.throwIfAborted();
      const entry = await look(root, prefix + name);
      found.push(entry);
      if (entry.type === 'directory') await descend(`${prefix}${name}/`, depth + 1);
    }
  }
  await descend('', 0);
  return found;
}

async function look(root: string, name: string): Promise<Found> {
  const path = join(root, name);
  const stat = await lstat(path);
  const type: MemberType = stat.isFile()
    ? 'file'
    : stat.isDirectory()
      ? 'directory'
      : stat.isSymbolicLink()
        ? 'symlink'
        : stat.isFIFO()
          ? 'fifo'
          : stat.isCharacterDevice()
            ? 'character-device'
            : stat.isBlockDevice()
              ? 'block-device'
              : 'other';
  return {
    name,
    type,
    size: type === 'file' ? stat.size : 0,
    linkName: type === 'symlink' ? await readlink(path) : '',
    mode: stat.mode & 0o7777,
    mtime: stat.mtimeMs / 1000,
  };
}
