import { magicLength, sniffPacking } from '../archive/compression.ts';
import type { ArchiveLimits } from '../archive/limits.ts';
import { type ByteSource, readChunks } from '../bytes/byte-source.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { memberNames } from '../checkpoint/layout.ts';
import { CodedError } from '../errors/coded-error.ts';
import { codec } from './codec.ts';
import { spool } from './spool.ts';

/**
 * The tar of changed files, unpacked where containerd packed it; undefined where there is none.
 * @param closing gets what has to be closed after use.
 */
export async function plainDiff(
  checkpoint: Checkpoint,
  {
    limits,
    signal,
    directory,
    origin,
  }: { limits: ArchiveLimits; signal: AbortSignal | undefined; directory: string; origin: string },
  closing: ByteSource[],
): Promise<ByteSource | undefined> {
  if (!(await checkpoint.find(memberNames.rootfsDiff, signal))) return undefined;
  const stored = await checkpoint.open(memberNames.rootfsDiff, signal);
  closing.push(stored);
  const packing = sniffPacking(await stored.read(0, Math.min(magicLength, stored.size), signal));
  if (packing === 'none') return stored;
  if (packing !== 'gzip' && packing !== 'zstd') {
    throw new CodedError('unsupported', `${memberNames.rootfsDiff} is packed with ${packing}`);
  }
  const pieces = codec.decompress(packing, readChunks(stored, 1 << 18, signal), signal);
  const plain = await spool(pieces, { origin, limit: limits.totalBytes, directory, signal });
  closing.push(plain);
  return plain;
}

/** containerd's own layers are gzip; members of a mebibyte each make one stream. */
export async function* packedDiff(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces) {
    held.push(piece);
    size += piece.length;
    if (size < 1 << 20) continue;
    yield await codec.compressFrame('gzip', Buffer.concat(held));
    held = [];
    size = 0;
  }
  if (held.length > 0) yield await codec.compressFrame('gzip', Buffer.concat(held));
}
