import type { ArchiveLimits } from '../archive/limits.ts';
import { plainName } from '../archive/member-name.ts';
import { indexTar, openEntry } from '../archive/tar-index.ts';
import { type TarMember, writeTar } from '../archive/tar-writer.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import type { ConversionNote } from './conversion.ts';

/** The changes to the root file system for another engine. */
export interface ConvertedDiff {
  /** An uncompressed tar. */
  pieces: AsyncIterable<Uint8Array>;
  /** Files of the image that were deleted and that the tar does not name, absolute. */
  deleted: readonly string[];
  notes: readonly ConversionNote[];
}

const whiteout = '.wh.';
const opaque = '.wh..wh..opq';

/**
 * containerd says in the tar itself what was deleted, as image layers do; Podman and CRI-O have a list of paths
 * beside it. Every other entry is taken over byte by byte.
 * @param diff an uncompressed tar.
 * @param inTar whether the target finds deleted files in the tar.
 */
export async function convertDiff(
  diff: ByteSource,
  deleted: readonly string[],
  inTar: boolean,
  options: { limits: ArchiveLimits; signal?: AbortSignal | undefined },
): Promise<ConvertedDiff> {
  const index = await indexTar(diff, options);
  const members: TarMember[] = [];
  const gone = new Set(deleted);
  const notes: ConversionNote[] = [];
  for (const entry of index.entries) {
    const path = `/${plainName(entry.name)}`;
    const name = path.slice(path.lastIndexOf('/') + 1);
    const folder = path.slice(0, path.lastIndexOf('/'));
    if (inTar || !name.startsWith(whiteout)) members.push({ entry, from: diff });
    else if (name !== opaque) gone.add(`${folder}/${name.slice(whiteout.length)}`);
    else {
      const detail = `what the image has in ${folder} shows again beside what the container put there`;
      notes.push({ kind: 'lost', about: folder, detail });
    }
  }
  if (inTar) members.push(...[...gone].sort().map(whiteoutOf));
  return { pieces: writeTar(members, options), deleted: inTar ? [] : [...gone].sort(), notes };
}

function whiteoutOf(path: string): TarMember {
  const plain = path.replace(/^\/+/, '');
  const at = plain.lastIndexOf('/') + 1;
  return { name: plain.slice(0, at) + whiteout + plain.slice(at), content: new Uint8Array(0), mode: 0o600 };
}

/** Whether a tar holds any file. @throws CodedError `corrupt` */
export async function holdsFiles(
  tar: ByteSource,
  options: { limits: ArchiveLimits; signal?: AbortSignal | undefined },
): Promise<boolean> {
  const index = await indexTar(tar, options);
  return index.entries.some((entry) => entry.type === 'file' && openEntry(tar, entry).size > 0);
}
