import { zstdCompressSync } from 'node:zlib';
import { splitZstd } from '../../src/archive/zstd-frames.ts';
import { bytesSource, readChunks } from '../../src/bytes/byte-source.ts';
import { concat } from '../../src/bytes/concat.ts';

/** Whatever is split must come out byte by byte as it went in. */
export async function target(bytes: Uint8Array): Promise<void> {
  const parts: Uint8Array[] = [];
  const size = 1 + (bytes.length % 7);
  for await (const frame of splitZstd(readChunks(bytesSource(bytes), size))) {
    for await (const part of frame) parts.push(part.slice());
  }
  if (!Buffer.from(concat(parts)).equals(bytes)) throw new Error('bytes were lost or made up');
}

export async function seeds(): Promise<Uint8Array[]> {
  const skip = Uint8Array.of(0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
  const some = zstdCompressSync('some bytes, some bytes, some bytes');
  const zeros = zstdCompressSync(Buffer.alloc(300_000));
  return [some, concat([skip, some, skip]), concat([zeros, some])];
}
