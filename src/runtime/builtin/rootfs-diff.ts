import { lstat, readdir, readlink, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { streamTar } from '../../archive/tar-stream.ts';
import type { NewMember } from '../../archive/tar-writer.ts';
import type { ByteSource } from '../../bytes/byte-source.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { openFileSource } from '../../localfs/file-source.ts';
import { rootedPath } from '../../localfs/rooted-path.ts';
import { deviceNumber } from './host-devices.ts';
import { decompressed } from './image-blobs.ts';
import { unpackLayer } from './layer-unpack.ts';
import { type RuntimePaths, rootfsDirectories } from './paths.ts';
import type { ContainerRecord } from './records.ts';

/** What a container has changed in its root file system since its image. */
export interface RootfsDiff {
  /** Everything new or changed, folders before what is in them; the content is read when it is written. */
  members: NewMember[];
  /** Absolute paths that the image has and the container has not. */
  deleted: string[];
  /** What cannot be carried over, one sentence each. */
  notes: string[];
}

type Info = Awaited<ReturnType<typeof lstat>> & { rdev: bigint };

/**
 * Lists the container's own layer. The container should stand still meanwhile.
 * @param container created or running: its root file system is mounted.
 */
export async function rootfsDiff(
  paths: RuntimePaths,
  container: ContainerRecord,
  signal?: AbortSignal,
): Promise<RootfsDiff> {
  const { upper, merged } = rootfsDirectories(paths, container.id);
  const walk: Walk = { upper, merged, layers: container.image.layers, links: new Map(), signal };
  const diff: RootfsDiff = { members: [], deleted: [], notes: [] };
  await walkFolder(walk, '', diff);
  return diff;
}

interface Walk {
  upper: string;
  merged: string;
  layers: readonly string[];
  /** First name of each file that has several. */
  links: Map<string, string>;
  signal: AbortSignal | undefined;
}

async function walkFolder(walk: Walk, folder: string, diff: RootfsDiff): Promise<void> {
  walk.signal?.throwIfAborted();
  const own = new Set<string>();
  for (const raw of (await readdir(join(walk.upper, folder), { encoding: 'buffer' })).sort(Buffer.compare)) {
    const name = raw.toString('utf8');
    if (!Buffer.from(name, 'utf8').equals(raw)) {
      diff.notes.push(`/${join(folder, name)} is left out: its name is not UTF-8`);
      continue;
    }
    own.add(name);
    await walkEntry(walk, join(folder, name), diff);
  }
  await findHidden(walk, folder, own, diff);
}

async function walkEntry(walk: Walk, name: string, diff: RootfsDiff): Promise<void> {
  const info = (await lstat(join(walk.upper, name), { bigint: true })) as unknown as Info;
  if (info.isCharacterDevice() && info.rdev === 0n) {
    // A mark of the overlay. Without anything below it, nothing is gone that anyone could miss.
    if (await isBelow(walk, name)) diff.deleted.push(`/${name}`);
    return;
  }
  const member = await memberOf(walk, name, info);
  if (typeof member === 'string') diff.notes.push(member);
  else diff.members.push(member);
  if (info.isDirectory()) await walkFolder(walk, name, diff);
}

/**
 * A folder that was removed and made again hides what the image has in it; the overlay notes that in an
 * extended attribute. What can be seen tells the same: the image's names that are no longer there.
 */
async function findHidden(walk: Walk, folder: string, own: Set<string>, diff: RootfsDiff): Promise<void> {
  const names = new Set<string>();
  for (const layer of walk.layers) {
    if (!(await isPartOf(layer, folder))) continue;
    const inside = await readdir(join(layer, folder)).catch(() => []);
    for (const name of inside) if (!own.has(name)) names.add(name);
  }
  for (const name of [...names].sort()) {
    const path = join(folder, name);
    const seen = await lstat(join(walk.merged, path)).catch(() => undefined);
    if (seen === undefined && (await isBelow(walk, path))) diff.deleted.push(`/${path}`);
  }
}

/** Whether the image shows something of that name; its own marks hide what is further below. */
async function isBelow(walk: Walk, name: string): Promise<boolean> {
  for (const layer of walk.layers) {
    if (!(await isPartOf(layer, dirname(name)))) continue;
    const info = await lstat(join(layer, name)).catch(() => undefined);
    if (info !== undefined) return !(info.isCharacterDevice() && info.rdev === 0);
  }
  return false;
}

/**
 * Whether a folder of a layer is on the layer's own file system. What is mounted inside a folder of this
 * machine that serves as an image (its /proc, its /tmp) is not part of it, nor is what a link leads to.
 */
async function isPartOf(layer: string, folder: string): Promise<boolean> {
  if ((await rootedPath(layer, folder)) !== join(layer, folder)) return false;
  const [root, info] = await Promise.all(
    [layer, join(layer, folder)].map((path) => lstat(path).catch(() => {})),
  );
  return info?.isDirectory() === true && root?.dev === info.dev;
}

async function memberOf(walk: Walk, name: string, info: Info): Promise<NewMember | string> {
  const head = {
    name,
    mode: Number(info.mode) & 0o7777,
    uid: Number(info.uid),
    gid: Number(info.gid),
    mtime: Number(info.mtimeMs) / 1000,
  };
  const path = join(walk.merged, name);
  if (info.isDirectory()) return { ...head, type: 'directory' };
  if (info.isSymbolicLink()) return { ...head, type: 'symlink', linkName: await readlink(path) };
  if (info.isFIFO()) return { ...head, type: 'fifo' };
  if (info.isCharacterDevice() || info.isBlockDevice()) {
    const { major, minor } = deviceNumber(info.rdev);
    const type = info.isBlockDevice() ? 'block-device' : 'character-device';
    return { ...head, type, devMajor: major, devMinor: minor };
  }
  if (!info.isFile()) return `/${name} is left out: a socket is nothing without who made it`;
  const first = Number(info.nlink) > 1 ? walk.links.get(String(info.ino)) : undefined;
  if (first !== undefined) return { ...head, type: 'hardlink', linkName: first };
  walk.links.set(String(info.ino), name);
  const size = Number(info.size);
  return { ...head, type: 'file', size, content: contentOf(path, size) };
}

/** The bytes of a file, opened only when they are wanted. */
async function* contentOf(path: string, size: number): AsyncGenerator<Uint8Array> {
  const source = await openFileSource(path);
  try {
    if (source.size !== size) {
      throw new CodedError('failed-precondition', `reading ${path}: it changed while it was captured`);
    }
    for (let at = 0; at < size; at += 1 << 20) yield await source.read(at, Math.min(1 << 20, size - at));
  } finally {
    await source.close();
  }
}

/**
 * Brings changes into the root file system of a container that has not been started.
 * @param changes a tar, plain or packed; whiteouts in it count as well as `deleted`.
 * @param deleted absolute paths, as `rootfsDiff` gives them.
 * @returns what could not be kept, one sentence each.
 * @throws CodedError `corrupt` when the archive is not well-formed or a name leads out.
 */
export async function applyRootfsDiff(
  paths: RuntimePaths,
  container: ContainerRecord,
  changes: ByteSource | undefined,
  deleted: readonly string[],
  signal?: AbortSignal,
): Promise<string[]> {
  const { merged } = rootfsDirectories(paths, container.id);
  for (const path of deleted) {
    if (path.split('/').includes('..')) {
      throw new CodedError('corrupt', `restoring files: the deleted path ${JSON.stringify(path)} leads out`);
    }
    const real = await rootedPath(merged, path, { keepLast: true });
    // The root itself cannot have been deleted.
    if (real !== merged) await rm(real, { recursive: true, force: true });
  }
  if (changes === undefined) return [];
  const done = await unpackLayer(streamTar(decompressed(changes, signal)), { folder: merged });
  return done.notes;
}
