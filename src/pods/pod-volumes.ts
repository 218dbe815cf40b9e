import { createHash } from 'node:crypto';
import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasRawBytes, plainName } from '../archive/member-name.ts';
import { indexTar } from '../archive/tar-index.ts';
import type { TarEntry } from '../archive/tar-parser.ts';
import { type ByteSource, readChunks } from '../bytes/byte-source.ts';
import { CodedError } from '../errors/coded-error.ts';

/** What is captured of a pod's volumes: all that were empty at its start, or nothing. */
export const volumeChoices = ['emptydir', 'none'] as const;
export type VolumeChoice = (typeof volumeChoices)[number];

/** Puts the members of an archive that was looked through into a folder. @returns what could not be kept */
export type UnpackVolume = (
  archive: ByteSource,
  folder: string,
  signal: AbortSignal,
) => Promise<readonly string[]>;

/** An archive of a volume, as `pod.options` has it. */
export interface VolumeArchive {
  /** Name of the member. */
  file: string;
  size: number;
  /** 64 hexadecimal digits. */
  sha256: string;
}

/** Bytes that the volumes of one pod may hold: they are read while it stands still. */
export const volumeLimit = 4 * 2 ** 30;

/** Bytes of the files in folders; what comes and goes meanwhile is not counted. */
export async function bytesIn(folders: Iterable<string>, signal: AbortSignal): Promise<number> {
  let bytes = 0;
  const counted = new Set<string>();
  const todo = [...folders];
  for (let folder = todo.pop(); folder !== undefined; folder = todo.pop()) {
    signal.throwIfAborted();
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      const info = await lstat(path).catch(() => undefined);
      if (info?.isDirectory()) todo.push(path);
      const id = `${info?.dev}:${info?.ino}`;
      if (!info?.isFile() || (info.nlink > 1 && counted.has(id))) continue;
      if (info.nlink > 1) counted.add(id);
      // Holes are not read.
      bytes += Math.min(info.size, info.blocks * 512);
    }
  }
  return bytes;
}

/** @throws CodedError `resource-exhausted` for volumes that hold more than is captured */
export function checkVolumeBytes(what: string, bytes: number): void {
  if (bytes <= volumeLimit) return;
  throw new CodedError(
    'resource-exhausted',
    `${what}: its emptyDir volumes hold ${Math.ceil(bytes / 2 ** 20)} MiB, more than ${volumeLimit / 2 ** 20}`,
    { hint: 'remove what is not needed, or leave them out with --volumes none and copy them yourself' },
  );
}

/**
 * Makes a folder hold what the archive of a volume holds, and nothing else. The archive is looked through before
 * anything is changed, and is not trusted.
 * @throws CodedError `corrupt` for another digest, for names and links that lead out
 */
export async function fillVolume(
  name: string,
  expected: VolumeArchive,
  archive: ByteSource,
  folder: string,
  unpack: UnpackVolume,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const hash = createHash('sha256');
  for await (const piece of readChunks(archive, 1 << 20, signal)) hash.update(piece);
  if (archive.size !== expected.size || hash.digest('hex') !== expected.sha256) {
    throw new CodedError(
      'corrupt',
      `volume ${name}: ${expected.file} is not what was written at the checkpoint, its digest differs`,
      { hint: 'take another copy of the archive, or give the volume a folder with --volume-map' },
    );
  }
  const { entries } = await indexTar(archive, { signal });
  checkMembers(name, entries);
  for (const each of await readdir(folder)) await rm(join(folder, each), { recursive: true, force: true });
  try {
    return await unpack(archive, folder, signal);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    throw new CodedError('resource-exhausted', `volume ${name} does not hold what it held: ${message}`, {
      cause: error,
      hint: 'free disk space, or give the volume a folder elsewhere with --volume-map',
    });
  }
}

const kinds: readonly TarEntry['type'][] = ['file', 'directory', 'symlink', 'hardlink', 'fifo'];

/** @throws CodedError `corrupt`, `resource-exhausted` */
function checkMembers(volume: string, entries: readonly TarEntry[]): void {
  const links = new Set<string>();
  let bytes = 0;
  for (const entry of entries) {
    const name = plainName(entry.name);
    const problem =
      nameProblem(entry.name) ??
      (entry.type === 'hardlink' && nameProblem(entry.linkName) ? 'links out of the volume' : undefined) ??
      (kinds.includes(entry.type) ? undefined : `is of kind ${entry.type}`) ??
      (name === '' && entry.type !== 'directory' ? 'is the volume itself' : undefined) ??
      (parentsOf(name).some((parent) => links.has(parent)) ? 'lies behind a link' : undefined);
    if (problem) {
      throw new CodedError(
        'corrupt',
        `volume ${volume}: the member ${JSON.stringify(entry.name)} ${problem}`,
      );
    }
    if (entry.type === 'symlink') links.add(partsOf(name).join('/'));
    bytes += entry.storedSize;
  }
  checkVolumeBytes(`volume ${volume}`, bytes);
}

/** A link's own target is only a text to us: the container follows it, among its own files. */
function nameProblem(name: string): string | undefined {
  if (name.startsWith('/')) return 'has an absolute name';
  if (name.split('/').includes('..')) return 'leads out of the volume';
  if (name.includes('\0') || hasRawBytes(name)) return 'has a name that is no text';
  return undefined;
}

function partsOf(name: string): string[] {
  return name.split('/').filter((part) => part !== '' && part !== '.');
}

function parentsOf(name: string): string[] {
  const parts = partsOf(name);
  return parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('/'));
}
