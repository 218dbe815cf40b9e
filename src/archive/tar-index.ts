import { type ByteSource, sliceSource } from '../bytes/byte-source.ts';
import { CodedError } from '../errors/coded-error.ts';
import { type ArchiveLimits, defaultLimits } from './limits.ts';
import { plainName } from './member-name.ts';
import { sparseSource } from './sparse.ts';
import { isEntry, parseTar, type TarEntry } from './tar-parser.ts';
import type { Reading, TarRequest } from './tar-request.ts';

/** Every member of one archive, found again by name. */
export class TarIndex {
  /** As they stand in the archive, members that a later one replaces included. */
  readonly entries: readonly TarEntry[];
  readonly #byName = new Map<string, TarEntry>();
  readonly #content = new Map<string, TarEntry>();

  constructor(entries: readonly TarEntry[]) {
    this.entries = entries;
    for (const entry of entries) this.#add(entry);
  }

  /** The last member of that name (without `./`), whatever it is. */
  get(name: string): TarEntry | undefined {
    return this.#byName.get(name);
  }

  /**
   * The member whose bytes are the content of `name`: itself where it is a regular file, the file it stands
   * for where it is a hard link to one before it; nothing for anything else.
   */
  content(name: string): TarEntry | undefined {
    return this.#content.get(name);
  }

  /** Names that have content, each once, in the order in which they first appear. */
  names(): IterableIterator<string> {
    return this.#content.keys();
  }

  #add(entry: TarEntry): void {
    const name = plainName(entry.name);
    // A later member of the same name replaces the earlier, also by something that has no content.
    this.#byName.set(name, entry);
    const content = this.#contentOf(entry);
    if (content) this.#content.set(name, content);
    else this.#content.delete(name);
  }

  #contentOf(entry: TarEntry): TarEntry | undefined {
    if (entry.type === 'file') return entry;
    if (entry.type !== 'hardlink') return undefined;
    return this.#content.get(plainName(entry.linkName));
  }
}

export interface IndexOptions {
  limits?: ArchiveLimits;
  /** The most bytes to read at once, so that small members in a row cost one read. */
  readAhead?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Bytes that are read together with a header after a jump. */
const leastAhead = 8192;

/**
 * Indexes an uncompressed archive: reads headers, and passes over content without reading it.
 * @throws CodedError `corrupt` when it is not a well-formed, complete archive; `resource-exhausted` when it is
 *   beyond the limits.
 */
export async function indexTar(source: ByteSource, options: IndexOptions = {}): Promise<TarIndex> {
  const work = indexing(source.size, options);
  let step = work.next();
  while (!step.done) {
    const { at, length } = step.value;
    step = work.next(await source.read(at, length, options.signal));
  }
  return step.value;
}

/** As {@link indexTar}, of `size` bytes that are at hand. */
export function indexTarNow(
  size: number,
  read: (offset: number, length: number) => Uint8Array,
  options: IndexOptions = {},
): TarIndex {
  const work = indexing(size, options);
  let step = work.next();
  while (!step.done) step = work.next(read(step.value.at, step.value.length));
  return step.value;
}

/** Asks for the stretches of the archive that hold headers. */
function* indexing(
  size: number,
  { limits = defaultLimits, readAhead = 1 << 19 }: IndexOptions,
): Reading<TarIndex> {
  const entries: TarEntry[] = [];
  const parser = parseTar(limits);
  let window: Uint8Array = new Uint8Array(0);
  let start = 0;
  let ahead = Math.min(leastAhead, readAhead);
  let step = parser.next();
  while (!step.done) {
    if (isEntry(step.value)) {
      entries.push(step.value);
      step = parser.next();
      continue;
    }
    const { at, length } = step.value;
    if (at < start || at + length > start + window.length) {
      // Small members follow each other closely, and more and more is read at once; pages are jumped over.
      const near = at <= start + 2 * window.length;
      ahead = Math.min(near ? ahead * 2 : leastAhead, readAhead);
      start = at;
      const there = Math.max(0, size - at);
      const request: TarRequest = {
        at: Math.min(at, size),
        length: Math.min(Math.max(length, ahead), there),
      };
      window = yield request;
    }
    step = parser.next(window.subarray(at - start, at - start + length));
  }
  return new TarIndex(entries);
}

/**
 * The content of a member of an uncompressed archive. Closing it leaves the archive open.
 * @param archive what the member was indexed from.
 */
export function openEntry(archive: ByteSource, entry: TarEntry): ByteSource {
  if (entry.type !== 'file') {
    throw new CodedError('invalid-argument', `${entry.name} is a ${entry.type}, not a regular file`);
  }
  const stored = sliceSource(archive, entry.dataOffset, entry.storedSize);
  return entry.sparse ? sparseSource(stored, entry.sparse, entry.size) : stored;
}
