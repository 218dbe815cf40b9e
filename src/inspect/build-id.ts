import type { ByteSource } from '../bytes/byte-source.ts';

const loadHeaderSize = 64;
const programHeaderSize = 56;
/** More program headers than any program has, and longer notes. */
const mostHeaders = 1024;
const longestNotes = 1 << 20;
const noteSegment = 4;
const gnuBuildId = 3;

/**
 * The build id of a 64-bit little-endian ELF file, in hexadecimal; undefined where it is another file or has none.
 * @throws as `file.read` does.
 */
export async function buildIdOf(file: ByteSource): Promise<string | undefined> {
  if (file.size < loadHeaderSize) return undefined;
  const head = viewOf(await file.read(0, loadHeaderSize));
  if (head.getUint32(0) !== 0x7f454c46 || head.getUint16(4) !== 0x0201) return undefined;
  const at = Number(head.getBigUint64(32, true));
  const count = Math.min(head.getUint16(56, true), mostHeaders);
  if (at + count * programHeaderSize > file.size) return undefined;
  const headers = viewOf(await file.read(at, count * programHeaderSize));
  for (let one = 0; one < count; one++) {
    const from = one * programHeaderSize;
    if (headers.getUint32(from, true) !== noteSegment) continue;
    const offset = Number(headers.getBigUint64(from + 8, true));
    const length = Math.min(Number(headers.getBigUint64(from + 32, true)), longestNotes);
    if (offset + length > file.size) continue;
    const found = inNotes(await file.read(offset, length));
    if (found) return found;
  }
  return undefined;
}

function inNotes(bytes: Uint8Array): string | undefined {
  const view = viewOf(bytes);
  for (let at = 0; at + 12 <= bytes.length; ) {
    const [nameSize, size, type] = [0, 4, 8].map((offset) => view.getUint32(at + offset, true));
    const content = at + 12 + (((nameSize ?? 0) + 3) & ~3);
    const end = content + (size ?? 0);
    if (end > bytes.length || end < at) return undefined;
    const isGnu = nameSize === 4 && view.getUint32(at + 12) === 0x474e5500;
    if (isGnu && type === gnuBuildId) return hexText(bytes.subarray(content, end));
    at = content + (((size ?? 0) + 3) & ~3);
  }
  return undefined;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function hexText(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A build id as CRIU keeps it: in words, the first byte lowest. */
export function buildIdText(words: readonly number[]): string {
  return hexText(words.flatMap((word) => [0, 8, 16, 24].map((shift) => (word >>> shift) & 0xff)));
}
