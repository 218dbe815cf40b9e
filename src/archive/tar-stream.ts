import { concat } from '../bytes/concat.ts';
import { type ArchiveLimits, checkLimit, defaultLimits } from './limits.ts';
import { expandSparse } from './sparse.ts';
import { endsEarly } from './tar-header.ts';
import { isEntry, parseTar, type TarEntry } from './tar-parser.ts';

/** A member as it streams by. */
export interface StreamedMember {
  readonly entry: TarEntry;
  /**
   * Its content, once, before the next member is asked for; what is not taken is passed over. The pieces are
   * views of those that `streamTar` was given, and are good for as long as they are.
   */
  content(): AsyncIterable<Uint8Array>;
}

export interface StreamOptions {
  limits?: ArchiveLimits;
}

/**
 * The members of an uncompressed archive whose bytes arrive in order, once. Leaving the loop early ends the
 * reading of `pieces`.
 * @param pieces nothing is held of a piece when the next one is asked for
 * @throws CodedError as `indexTar` does.
 */
export async function* streamTar(
  pieces: AsyncIterable<Uint8Array>,
  options: StreamOptions = {},
): AsyncGenerator<StreamedMember, void, void> {
  const limits = options.limits ?? defaultLimits;
  const input = new StreamCursor(pieces);
  try {
    const parser = parseTar(limits);
    let step = parser.next();
    while (!step.done) {
      const wanted = step.value;
      if (isEntry(wanted)) {
        yield { entry: wanted, content: () => contentOf(input, wanted) };
        step = parser.next();
      } else {
        await input.skipTo(wanted.at);
        step = parser.next(await input.take(wanted.length));
      }
    }
    // What follows the end mark is nobody's content, but damage in it is damage (gzip's checksum, a cut frame).
    await input.drain(limits);
  } finally {
    await input.close();
  }
}

function contentOf(input: StreamCursor, entry: TarEntry): AsyncIterable<Uint8Array> {
  const stored = input.range(entry);
  return entry.sparse ? expandSparse(stored, entry.sparse, entry.size) : stored;
}

/** A position in bytes that only move forward. */
class StreamCursor {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);
  #at = 0;
  #ended = false;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** Up to `most` of the bytes that come next; nothing at the end. */
  async #some(most: number): Promise<Uint8Array> {
    while (this.#piece.length === 0 && !this.#ended) {
      const next = await this.#pieces.next();
      if (next.done) this.#ended = true;
      else this.#piece = next.value;
    }
    const some = this.#piece.subarray(0, most);
    this.#piece = this.#piece.subarray(some.length);
    this.#at += some.length;
    return some;
  }

  async skipTo(offset: number): Promise<void> {
    while (this.#at < offset) {
      const passed = await this.#some(offset - this.#at);
      if (passed.length === 0) return;
    }
  }

  /** A copy of the next `length` bytes, fewer where the stream ends. */
  async take(length: number): Promise<Uint8Array> {
    const taken: Uint8Array[] = [];
    for (let have = 0; have < length; ) {
      const some = await this.#some(length - have);
      if (some.length === 0) break;
      have += some.length;
      taken.push(new Uint8Array(some));
    }
    return taken.length === 1 && taken[0] ? taken[0] : concat(taken);
  }

  /** The stored bytes of a member that has not been passed yet. */
  async *range({ dataOffset, storedSize, name }: TarEntry): AsyncGenerator<Uint8Array> {
    await this.skipTo(dataOffset);
    for (let left = dataOffset + storedSize - this.#at; left > 0; ) {
      const some = await this.#some(left);
      if (some.length === 0) throw endsEarly(this.#at, name);
      left -= some.length;
      yield some;
    }
  }

  async drain(limits: ArchiveLimits): Promise<void> {
    for (let more = true; more; ) {
      more = (await this.#some(1 << 20)).length > 0;
      checkLimit(limits, 'totalBytes', this.#at, 'reading the archive');
    }
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}
