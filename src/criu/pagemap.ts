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
  const builder = new Builder(countEntries(sizes, at), name);
  const reader = new EntryReader(bytes);
  while (at < bytes.length) {
    const size = sizeAt(sizes, at);
    reader.read(at + 4, at + 4 + size);
    builder.add(reader);
    at += 4 + size;
  }
  return builder.pagemap(head.pages_id);
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

/**
 * Reads one `PagemapEntry` into its own properties. Almost every entry is nothing but numbers of at most 53
 * bits in a few known fields; for the rest the general decoder is asked.
 */
class EntryReader {
  vaddr = 0;
  pages = 0;
  flags = 0;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(start: number, end: number): void {
    this.#at = start;
    let vaddr = 0;
    let compat = 0;
    let inParent = false;
    let flags = -1;
    let pages = -1;
    while (this.#at < end) {
      let tag = this.#bytes[this.#at++] ?? 0;
      const value = this.#number(end);
      if (value < 0) tag = -1;
      if (tag === 8) vaddr = value;
      else if (tag === 16) compat = value;
      else if (tag === 24) inParent = value !== 0;
      else if (tag === 32) flags = value;
      else if (tag === 40) pages = value;
      else {
        this.#readSlowly(start, end);
        return;
      }
    }
    this.#set(vaddr, pages < 0 ? compat : pages, flags, inParent);
  }

  #set(vaddr: number, pages: number, flags: number, inParent: boolean): void {
    this.vaddr = vaddr / addressUnit;
    this.pages = pages;
    const known = Math.max(flags, 0);
    this.flags = inParent ? known | pageFlags.parent : flags < 0 ? pageFlags.present : flags;
  }

  #readSlowly(start: number, end: number): void {
    const entry = decodeMessage(PagemapEntry, this.#bytes.subarray(start, end));
    const pages = Number(entry.nr_pages ?? BigInt(entry.compat_nr_pages));
    this.#set(0, pages, entry.flags ?? -1, entry.in_parent ?? false);
    this.vaddr =
      Number(entry.vaddr / BigInt(addressUnit)) + Number(entry.vaddr % BigInt(addressUnit)) / addressUnit;
  }

  /** A varint of at most 53 bits, or −1. */
  #number(end: number): number {
    let value = 0;
    let scale = 1;
    while (this.#at < end) {
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) return -1;
      if (byte < 0x80) return value;
      scale *= 128;
      if (scale > 2 ** 56) return -1;
    }
    return -1;
  }
}

class Builder {
  readonly #name: string;
  readonly #start: Float64Array;
  readonly #pages: Float64Array;
  readonly #flags: Uint8Array;
  readonly #filePage: Float64Array;
  #length = 0;
  #next = 0;
  #present = 0;

  constructor(capacity: number, name: string) {
    this.#name = name;
    this.#start = new Float64Array(capacity);
    this.#pages = new Float64Array(capacity);
    this.#flags = new Uint8Array(capacity);
    this.#filePage = new Float64Array(capacity);
  }

  add({ vaddr, pages, flags }: { vaddr: number; pages: number; flags: number }): void {
    const at = this.#length;
    if (vaddr < this.#next) throw broken(this.#name, `entry ${at} lies before the end of the one before it`);
    if (!Number.isInteger(vaddr)) throw broken(this.#name, `entry ${at} does not start on a page`);
    if (pages > 2 ** 52 || this.#present + pages > 2 ** 52)
      throw broken(this.#name, `entry ${at} has too many pages`);
    this.#start[at] = vaddr;
    this.#pages[at] = pages;
    this.#flags[at] = flags;
    this.#filePage[at] = this.#present;
    if (flags & pageFlags.present) this.#present += pages;
    this.#next = vaddr + pages;
    this.#length += 1;
  }

  pagemap(pagesId: number): Pagemap {
    return {
      pagesId,
      length: this.#length,
      start: this.#start.subarray(0, this.#length),
      pages: this.#pages.subarray(0, this.#length),
      flags: this.#flags.subarray(0, this.#length),
      filePage: this.#filePage.subarray(0, this.#length),
      presentPages: this.#present,
    };
  }
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
