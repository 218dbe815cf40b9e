import type { ByteSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import type { Compression } from './compression.ts';

/** One independent frame of a compressed file. */
export interface Frame {
  /** Bytes it takes in the file. */
  readonly stored: number;
  /** Bytes it unpacks to. */
  readonly length: number;
}

/** The most that one frame may unpack to; what claims more is read as a stream. */
export const frameLimit = 32 << 20;
/** The most frames in one file. */
const framesLimit = 4_000_000;

const entrySize = 8;

/*
 * zstd: the Zstandard Seekable Format. A skippable frame at the end holds an entry for each frame and a footer.
 */
const skippableMagic = 0x184d2a5e;
const seekableMagic = 0x8f92eab1;
const zstdFooter = 9;

/*
 * gzip has no place for a table, but empty members that every reader passes over, each with room for 65,535
 * bytes of extra field. Members "SX" hold entries; the last one, "SF", always of the same size, says where they
 * begin and how many frames there are.
 */
const gzipTable = 'SX';
const gzipFooter = 'SF';
const gzipFooterSize = 10 + 2 + 4 + 12 + 2 + 8;
const entriesPerMember = 8000;

/** What to append to the given frames so that they can be found again at random. */
export function encodeSeekTable(compression: Compression, frames: readonly Frame[]): Uint8Array {
  return compression === 'zstd' ? encodeZstdTable(frames) : encodeGzipTable(frames);
}

/**
 * The frames of a compressed file, from the table at its end; undefined where it has none that holds together,
 * and the file has to be read as a stream. The table is a shortcut: what it says is checked when it is used.
 */
export async function readSeekTable(
  compression: Compression,
  source: ByteSource,
  signal?: AbortSignal,
): Promise<readonly Frame[] | undefined> {
  const found =
    compression === 'zstd' ? await readZstdTable(source, signal) : await readGzipTable(source, signal);
  if (!found) return undefined;
  let stored = 0;
  for (const frame of found.frames) {
    if (frame.length > frameLimit) return undefined;
    stored += frame.stored;
  }
  return stored === found.start ? found.frames : undefined;
}

interface Table {
  frames: Frame[];
  /** Where the table begins, which is where the frames end. */
  start: number;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function encodeEntries(frames: readonly Frame[]): Uint8Array {
  const bytes = new Uint8Array(frames.length * entrySize);
  const view = viewOf(bytes);
  frames.forEach(({ stored, length }, i) => {
    view.setUint32(i * entrySize, stored, true);
    view.setUint32(i * entrySize + 4, length, true);
  });
  return bytes;
}

function decodeEntries(bytes: Uint8Array, size: number): Frame[] {
  const view = viewOf(bytes);
  const frames: Frame[] = [];
  for (let at = 0; at + size <= bytes.length; at += size) {
    frames.push({ stored: view.getUint32(at, true), length: view.getUint32(at + 4, true) });
  }
  return frames;
}

function encodeZstdTable(frames: readonly Frame[]): Uint8Array {
  const head = new Uint8Array(8);
  viewOf(head).setUint32(0, skippableMagic, true);
  viewOf(head).setUint32(4, frames.length * entrySize + zstdFooter, true);
  const footer = new Uint8Array(zstdFooter);
  viewOf(footer).setUint32(0, frames.length, true);
  viewOf(footer).setUint32(5, seekableMagic, true);
  return concat([head, encodeEntries(frames), footer]);
}

async function readZstdTable(source: ByteSource, signal?: AbortSignal): Promise<Table | undefined> {
  if (source.size < zstdFooter + 8) return undefined;
  const footer = viewOf(await source.read(source.size - zstdFooter, zstdFooter, signal));
  const count = footer.getUint32(0, true);
  const flags = footer.getUint8(4);
  if (footer.getUint32(5, true) !== seekableMagic || (flags & 0x7c) !== 0) return undefined;
  // Files by other programs may have a checksum in each entry.
  const size = flags & 0x80 ? entrySize + 4 : entrySize;
  const start = source.size - zstdFooter - count * size - 8;
  if (count > framesLimit || start < 0) return undefined;
  const bytes = await source.read(start, 8 + count * size, signal);
  const head = viewOf(bytes);
  const fits = head.getUint32(4, true) === count * size + zstdFooter;
  if (head.getUint32(0, true) !== skippableMagic || !fits) return undefined;
  return { frames: decodeEntries(bytes.subarray(8), size), start };
}

/** A gzip member without content that carries `extra`. */
function emptyMember(id: string, extra: Uint8Array): Uint8Array {
  const head = new Uint8Array(16);
  head.set([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255]);
  viewOf(head).setUint16(10, extra.length + 4, true);
  head.set([id.charCodeAt(0), id.charCodeAt(1)], 12);
  viewOf(head).setUint16(14, extra.length, true);
  return concat([head, extra, Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, 0, 0)]);
}

/** The extra field of the member at the start of `bytes`, if it is one of ours. */
function extraOf(id: string, bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < 26) return undefined;
  const view = viewOf(bytes);
  const length = view.getUint16(14, true);
  const ours = view.getUint32(0, true) === 0x04088b1f && view.getUint16(10, true) === length + 4;
  const named = bytes[12] === id.charCodeAt(0) && bytes[13] === id.charCodeAt(1);
  return ours && named && 16 + length + 10 <= bytes.length ? bytes.subarray(16, 16 + length) : undefined;
}

function encodeGzipTable(frames: readonly Frame[]): Uint8Array {
  const members: Uint8Array[] = [];
  let start = 0;
  for (const { stored } of frames) start += stored;
  for (let at = 0; at < frames.length; at += entriesPerMember) {
    members.push(emptyMember(gzipTable, encodeEntries(frames.slice(at, at + entriesPerMember))));
  }
  const footer = new Uint8Array(12);
  viewOf(footer).setBigUint64(0, BigInt(start), true);
  viewOf(footer).setUint32(8, frames.length, true);
  return concat([...members, emptyMember(gzipFooter, footer)]);
}

async function readGzipTable(source: ByteSource, signal?: AbortSignal): Promise<Table | undefined> {
  const end = source.size - gzipFooterSize;
  if (end < 0) return undefined;
  const footer = extraOf(gzipFooter, await source.read(end, gzipFooterSize, signal));
  if (footer?.length !== 12) return undefined;
  const start = Number(viewOf(footer).getBigUint64(0, true));
  const count = viewOf(footer).getUint32(8, true);
  const size = count * entrySize + Math.ceil(count / entriesPerMember) * 26;
  if (count > framesLimit || start + size !== end) return undefined;
  let bytes = await source.read(start, size, signal);
  const frames: Frame[] = [];
  while (bytes.length > 0) {
    const extra = extraOf(gzipTable, bytes);
    if (!extra) return undefined;
    for (const frame of decodeEntries(extra, entrySize)) frames.push(frame);
    bytes = bytes.subarray(16 + extra.length + 10);
  }
  return frames.length === count ? { frames, start } : undefined;
}
