import type { ByteSource } from '../bytes/byte-source.ts';
import { checkRange } from '../bytes/byte-source.ts';
import { CodedError } from '../errors/coded-error.ts';

/** `length` bytes of content at `offset` of the member; what lies between segments is zero. */
export interface SparseSegment {
  readonly offset: number;
  readonly length: number;
}

/**
 * The segments in order, empty ones left out.
 * @throws CodedError `corrupt` unless they are sorted, apart, inside `size` and `stored` bytes together.
 */
export function checkSparse(
  segments: readonly SparseSegment[],
  size: number,
  stored: number,
  name: string,
): SparseSegment[] {
  let end = 0;
  let sum = 0;
  for (const { offset, length } of segments) {
    if (offset < end || length < 0 || offset + length > size) {
      throw new CodedError('corrupt', `member ${name}: its sparse map is out of order or beyond its size`);
    }
    end = offset + length;
    sum += length;
  }
  if (sum !== stored) {
    throw new CodedError(
      'corrupt',
      `member ${name}: its sparse map covers ${sum} bytes, ${stored} are stored`,
    );
  }
  return segments.filter(({ length }) => length > 0);
}

/** The content of a sparse member of `size` bytes whose segments stand one after the other in `stored`. */
export function sparseSource(
  stored: ByteSource,
  segments: readonly SparseSegment[],
  size: number,
): ByteSource {
  const starts: number[] = [];
  let sum = 0;
  for (const { length } of segments) {
    starts.push(sum);
    sum += length;
  }
  return {
    size,
    async read(offset, length, signal) {
      checkRange(offset, length, size);
      const out = new Uint8Array(length);
      for (let i = firstEndingAfter(segments, offset); i < segments.length; i++) {
        const segment = segments[i];
        if (!segment || segment.offset >= offset + length) break;
        const from = Math.max(segment.offset, offset);
        const count = Math.min(segment.offset + segment.length, offset + length) - from;
        const bytes = await stored.read((starts[i] ?? 0) + from - segment.offset, count, signal);
        out.set(bytes, from - offset);
      }
      return out;
    },
    close: () => stored.close(),
  };
}

function firstEndingAfter(segments: readonly SparseSegment[], offset: number): number {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const segment = segments[middle];
    if (segment && segment.offset + segment.length > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The content of a sparse member from its stored bytes as they stream by; holes are given as pieces of zeros.
 */
export async function* expandSparse(
  stored: AsyncIterable<Uint8Array>,
  segments: readonly SparseSegment[],
  size: number,
): AsyncGenerator<Uint8Array> {
  let at = 0;
  let index = 0;
  for await (const piece of stored) {
    for (let used = 0; used < piece.length; ) {
      const segment = segments[index];
      if (!segment) return;
      if (at < segment.offset) yield* zeros(segment.offset - at);
      at = Math.max(at, segment.offset);
      const take = Math.min(piece.length - used, segment.offset + segment.length - at);
      yield piece.subarray(used, used + take);
      used += take;
      at += take;
      if (at === segment.offset + segment.length) index++;
    }
  }
  if (at < size) yield* zeros(size - at);
}

function* zeros(length: number): Generator<Uint8Array> {
  const piece = new Uint8Array(Math.min(length, 1 << 16));
  for (let left = length; left > 0; left -= piece.length) {
    yield left < piece.length ? piece.subarray(0, left) : piece;
  }
}
