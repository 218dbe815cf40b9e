import { type ByteSource, checkRange } from '../bytes/byte-source.ts';
import type { Codec, Compression } from './compression.ts';
import type { Frame } from './seek-table.ts';

/** Unpacked frames that are kept, because neighbours in a file are asked for one after the other. */
const cachedFrames = 4;

/**
 * The unpacked bytes of a compressed file whose frames are known: only frames that are touched are unpacked.
 * Closing it closes `packed`.
 */
export function framesSource(
  packed: ByteSource,
  compression: Compression,
  frames: readonly Frame[],
  codec: Codec,
): ByteSource {
  const storedAt: number[] = [];
  const unpackedAt: number[] = [];
  let stored = 0;
  let size = 0;
  for (const frame of frames) {
    storedAt.push(stored);
    unpackedAt.push(size);
    stored += frame.stored;
    size += frame.length;
  }
  const cache = new Map<number, Promise<Uint8Array>>();

  async function unpack(index: number, signal?: AbortSignal): Promise<Uint8Array> {
    const frame = frames[index];
    if (!frame) throw new RangeError(`frame ${index}`);
    const bytes = await packed.read(storedAt[index] ?? 0, frame.stored, signal);
    return codec.decompressFrame(compression, bytes, frame.length);
  }

  function frameAt(index: number, signal?: AbortSignal): Promise<Uint8Array> {
    const bytes = cache.get(index) ?? unpack(index, signal);
    cache.delete(index);
    cache.set(index, bytes);
    bytes.catch(() => cache.delete(index));
    for (const oldest of cache.keys()) {
      if (cache.size <= cachedFrames) break;
      cache.delete(oldest);
    }
    return bytes;
  }

  return {
    size,
    async read(offset, length, signal) {
      checkRange(offset, length, size);
      const out = new Uint8Array(length);
      let index = lastAtOrBefore(unpackedAt, offset);
      for (let done = 0; done < length; index++) {
        const frame = await frameAt(index, signal);
        const from = offset + done - (unpackedAt[index] ?? 0);
        const part = frame.subarray(from, from + length - done);
        if (part.length === length) return part;
        out.set(part, done);
        done += part.length;
      }
      return out;
    },
    close: () => packed.close(),
  };
}

/** The last position in `starts` whose value is at most `offset`; of equal ones the last. */
function lastAtOrBefore(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}
