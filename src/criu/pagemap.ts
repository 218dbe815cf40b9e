import { decodeMessage } from '../bytes/proto2-decode.ts';
import { CodedError } from '../errors/coded-error.ts';
import { PagemapEntry, PagemapHead } from '../gen/criu/memory.ts';
import { readHeader } from './image.ts';

/** Bits of an entry's `flags`. */
export const pageFlags = {
  /** The pages are the same as in the dump before. */
  parent: 1,
  /** The pages may be left to be fetched after a restore. */
  lazy: 2,
  /** The pages are in the pages file. */
  present: 4,
} as const;

/** Addresses are kept in steps of this many bytes, the smallest page there is: so they are exact numbers. */
export const addressUnit = 4096;

/** Page sizes that a processor CRIU knows can have. */
export const pageSizes: readonly number[] = [4096, 8192, 16384, 32768, 65536];

/**
 * The entries of one pagemap image, as columns: millions of them stay small and fast. Rising by address.
 */
export interface Pagemap {
  /** Number of the pages file. */
  readonly pagesId: number;
  readonly length: number;
  /** First address, in units of {@link addressUnit}. */
  readonly start: Float64Array;
  /** Number of pages. */
  readonly pages: Float64Array;
  readonly flags: Uint8Array;
  /** Where the pages are in the pages file, counted in pages; for present entries only. */
  readonly filePage: Float64Array;
  /** How many pages the pages file must hold. */
  readonly presentPages: number;
}

/**
 * Reads a whole pagemap image; both page counts and entries without flags (of older versions) are understood.
 * @throws CodedError `corrupt` for anything malformed, addresses out of order or more pages than can be.
 */
export function decodePagemap(bytes: Uint8Array, name = 'pagemap'): Pagemap {
  const header = readHeader(bytes, name);
  if (header.kind.name !== 'PAGEMAP') throw broken(name, `it holds ${header.kind.name}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const sizes = { view, littleEndian: header.littleEndian, name };
  let at = header.length;
  if (at >= bytes.length) throw broken(name, 'it has no head');
  const headSize = sizeAt(sizes, at);
  const head = decodeMessage(PagemapHead, bytes.subarray(at + 4, at + 4 + headSize));
  at += 4 + headSize;
  const length = countEntries(sizes, at);
  const columns = {
    start: new Float64Array(length),
    pages: new Float64Array(length),
    flags: new Uint8Array(length),
  };
  for (let row = 0; row < length; row++) {
    const size = sizeAt(sizes, at);
    readEntry(bytes, at + 4, at + 4 + size, columns, row);
    at += 4 + size;
  }
  return finish(columns, head.pages_id, name);
}

function countEntries(words: SizeWords, from: number): number {
  let count = 0;
  for (let at = from; at < words.view.byteLength; at += 4 + sizeAt(words, at)) count += 1;
  return count;
}

interface SizeWords {
  view: DataView;
  littleEndian: boolean;
  name: string;
}

function sizeAt(words: SizeWords, at: number): number {
  const left = words.view.byteLength - at - 4;
  if (left < 0) throw broken(words.name, 'it is cut off inside the size of an entry');
  const size = words.view.getUint32(at, words.littleEndian);
  if (size > left) throw broken(words.name, `an entry has ${size} bytes, but ${left} are left`);
  return size;
}

function broken(name: string, found: string): CodedError {
  return new CodedError('corrupt', `${name}: ${found}`, { data: { file: name } });
}

/** The columns while they are filled. */
interface Columns {
  readonly start: Float64Array;
  readonly pages: Float64Array;
  readonly flags: Uint8Array;
}

/** Field numbers of `PagemapEntry` with the form they are written in, as they stand before each value. */
const tags = { vaddr: 8, compatPages: 16, inParent: 24, flags: 32, pages: 40 } as const;

/**
 * Reads one entry into row `row`. Almost every entry is nothing but numbers of at most 53 bits in known
 * fields, and there are millions: so this is one loop over bytes, and whatever is unusual in any way is read
 * again by the general decoder.
 */
function readEntry(bytes: Uint8Array, from: number, end: number, columns: Columns, row: number): void {
  let vaddr = 0;
  let compat = 0;
  let pages = -1;
  let flags = -1;
  let inParent = 0;
  let at = from;
  while (at < end) {
    const tag = bytes[at++] as number;
    let byte = bytes[at++] as number;
    let value = byte & 0x7f;
    for (let scale = 128; byte > 0x7f && scale < 2 ** 50; scale *= 128) {
      byte = bytes[at++] as number;
      value += (byte & 0x7f) * scale;
    }
    if (byte > 0x7f || at > end) {
      readSlowly(bytes.subarray(from, end), columns, row);
      return;
    }
    if (tag === tags.vaddr) vaddr = value;
    else if (tag === tags.pages) pages = value;
    else if (tag === tags.flags) flags = value;
    else if (tag === tags.compatPages) compat = value;
    else if (tag === tags.inParent) inParent = value;
    else {
      readSlowly(bytes.subarray(from, end), columns, row);
      return;
    }
  }
  columns.start[row] = vaddr / addressUnit;
  columns.pages[row] = pages < 0 ? compat : pages;
  columns.flags[row] = flagsOf(flags, inParent !== 0);
}

/** Versions without flags had a mark for pages of the parent, and everything else was present. */
function flagsOf(flags: number, inParent: boolean): number {
  if (inParent) return Math.max(flags, 0) | pageFlags.parent;
  return flags < 0 ? pageFlags.present : flags;
}

function readSlowly(bytes: Uint8Array, columns: Columns, row: number): void {
  const entry = decodeMessage(PagemapEntry, bytes);
  const unit = BigInt(addressUnit);
  columns.start[row] = Number(entry.vaddr / unit) + Number(entry.vaddr % unit) / addressUnit;
  columns.pages[row] = Number(entry.nr_pages ?? BigInt(entry.compat_nr_pages));
  columns.flags[row] = flagsOf(entry.flags ?? -1, entry.in_parent ?? false);
}

/** Where each entry's pages are, once all are read. @throws CodedError `corrupt` for what cannot be */
function finish(columns: Columns, pagesId: number, name: string): Pagemap {
  const { start, pages, flags } = columns;
  const filePage = new Float64Array(start.length);
  let next = 0;
  let present = 0;
  for (let row = 0; row < start.length; row++) {
    const first = start[row] as number;
    const count = pages[row] as number;
    if (first < next) throw broken(name, `entry ${row} lies before the end of the one before it`);
    if (first !== Math.floor(first)) throw broken(name, `entry ${row} does not start on a page`);
    if (count > 2 ** 52 || present + count > 2 ** 52) throw broken(name, `entry ${row} has too many pages`);
    filePage[row] = present;
    if ((flags[row] as number) & pageFlags.present) present += count;
    next = first + count;
  }
  return { pagesId, length: start.length, start, pages, flags, filePage, presentPages: present };
}

/**
 * The page size of the machine that was dumped: what makes the pages that a pagemap names fill its pages
 * file. Undefined where that tells nothing (no pages) or does not come out even.
 */
export function pageSizeOf(pagemap: Pagemap, pagesFileSize: number): number | undefined {
  return pageSizes.find((size) => pagemap.presentPages > 0 && size * pagemap.presentPages === pagesFileSize);
}

/** The index of the last entry that starts at or before `address` (in {@link addressUnit}s), or −1. */
export function entryAt(pagemap: Pagemap, address: number): number {
  let low = 0;
  let high = pagemap.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((pagemap.start[middle] ?? 0) <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
