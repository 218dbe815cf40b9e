import { type PaxRecord, parseWhole, pax } from './pax.ts';
import type { SparseSegment } from './sparse.ts';
import { blockSize, endsEarly, fieldBytes, invalid, padded, parseNumber } from './tar-header.ts';
import type { Reading } from './tar-request.ts';

/** Called with the number of segments before they are kept; throws when they are too many. */
export type Counting = (found: number) => void;

/** GNU's old form: four segments in the header, then blocks of twenty-one while a byte says so. */
export function* oldSparseMap(
  block: Uint8Array,
  offset: number,
  count: Counting,
): Reading<{ segments: SparseSegment[]; size: number; end: number }> {
  const segments = oldSegments(fieldBytes(block, 'sparseSegments'), offset);
  const size = parseNumber(fieldBytes(block, 'sparseRealSize'), 'real size', offset);
  let more = fieldBytes(block, 'sparseMore')[0] !== 0;
  let end = offset;
  while (more) {
    const next = yield { at: end, length: blockSize };
    if (next.length < blockSize) throw endsEarly(end, '');
    segments.push(...oldSegments(next.subarray(0, 504), end));
    count(segments.length);
    more = next[504] !== 0;
    end += blockSize;
  }
  return { segments, size, end };
}

function oldSegments(bytes: Uint8Array, offset: number): SparseSegment[] {
  const segments: SparseSegment[] = [];
  for (let at = 0; at + 24 <= bytes.length; at += 24) {
    // An unused slot is all NUL.
    if (bytes[at] === 0 && bytes[at + 12] === 0) break;
    segments.push({
      offset: parseNumber(bytes.subarray(at, at + 12), 'sparse offset', offset),
      length: parseNumber(bytes.subarray(at + 12, at + 24), 'sparse length', offset),
    });
  }
  return segments;
}

/** Forms 0.0 (a record per number) and 0.1 (one record with all of them). */
export function paxSparseMap(records: readonly PaxRecord[], at: number, count: Counting): SparseSegment[] {
  const text = new Map(records).get(pax.sparseMap);
  const numbers: number[] = [];
  if (text !== undefined) {
    for (const part of text === '' ? [] : text.split(',')) {
      count(numbers.length / 2);
      numbers.push(parseWhole(part, pax.sparseMap, at));
    }
  } else {
    for (const [key, value] of records) {
      if (key !== pax.sparseOffset && key !== pax.sparseLength) continue;
      const turn = numbers.length % 2 === 0 ? pax.sparseOffset : pax.sparseLength;
      if (key !== turn) throw invalid(at, 'a sparse map out of order');
      count(numbers.length / 2);
      numbers.push(parseWhole(value, key, at));
    }
  }
  return pairs(numbers, at);
}

/** Form 1.0: lines of digits in front of the content, filled up to whole blocks. */
export function* leadingSparseMap(
  offset: number,
  storedSize: number,
  name: string,
  count: Counting,
): Reading<{ segments: SparseSegment[]; length: number }> {
  const numbers: number[] = [];
  let wanted = 1;
  let digits = '';
  for (let length = 0; ; ) {
    if (length + blockSize > padded(storedSize)) throw invalid(offset, `a sparse map of ${name} without end`);
    const block = yield { at: offset + length, length: blockSize };
    if (block.length < blockSize) throw endsEarly(offset + length, name);
    length += blockSize;
    for (const byte of block) {
      if (byte !== 0x0a) {
        if (digits.length > 16) throw invalid(offset, `a malformed sparse map of ${name}`);
        digits += String.fromCharCode(byte);
        continue;
      }
      numbers.push(parseWhole(digits, 'sparse map', offset));
      digits = '';
      if (numbers.length === 1) {
        count(numbers[0] ?? 0);
        wanted = 1 + 2 * (numbers[0] ?? 0);
      }
      if (numbers.length === wanted) return { segments: pairs(numbers.slice(1), offset), length };
    }
  }
}

function pairs(numbers: readonly number[], at: number): SparseSegment[] {
  if (numbers.length % 2 === 1) throw invalid(at, 'a sparse map with an odd number of values');
  const segments: SparseSegment[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    segments.push({ offset: numbers[i] ?? 0, length: numbers[i + 1] ?? 0 });
  }
  return segments;
}
