import { type ByteSource, bytesSource, checkRange } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import type { Keep, Member, MemberRange } from './checkpoint.ts';

/** What is held in memory of one member: everything, or some ranges of it. */
interface Kept {
  size: number;
  whole: Uint8Array | undefined;
  /** Sorted, apart. */
  ranges: readonly { offset: number; bytes: Uint8Array }[];
}

/**
 * Bytes of members that were cut out of an archive as it streamed by, up to a budget. What does not fit is
 * not kept; whoever asks for it later pays for another pass.
 */
export class KeptMembers {
  readonly #budget: number;
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(budget: number) {
    this.#budget = budget;
  }

  whole(name: string): Uint8Array | undefined {
    return this.#kept.get(name)?.whole;
  }

  /** Makes `name` stand for what is kept of `target`, as a hard link does. */
  alias(name: string, target: string): void {
    const kept = this.#kept.get(target);
    if (kept) this.#kept.set(name, kept);
    else this.#kept.delete(name);
  }

  forget(name: string): void {
    this.#kept.delete(name);
  }

  /**
   * Takes a copy of what `keep` says out of the content of a member, whose pieces may be lent; without anything to
   * keep, the content is not read.
   */
  async take(member: Member, keep: Keep, content: () => AsyncIterable<Uint8Array>): Promise<void> {
    this.#kept.delete(member.name);
    const ranges =
      keep === 'all' ? [{ offset: 0, length: member.size }] : wantedRanges(keep ?? [], member.size);
    const wanted = ranges.reduce((sum, { length }) => sum + length, 0);
    if (this.#bytes + wanted > this.#budget) return;
    if (keep !== 'all' && ranges.length === 0) return;
    const taken = await cut(content(), ranges);
    this.#bytes += wanted;
    const whole = keep === 'all' ? (taken[0]?.bytes ?? new Uint8Array(0)) : undefined;
    this.#kept.set(member.name, { size: member.size, whole, ranges: taken });
  }

  /** The member as random-access bytes; what is not kept of it comes from `rest`. */
  source(name: string, rest: () => Promise<ByteSource>): ByteSource | undefined {
    const kept = this.#kept.get(name);
    if (!kept) return undefined;
    if (kept.whole) return bytesSource(kept.whole);
    let opened: Promise<ByteSource> | undefined;
    return {
      size: kept.size,
      async read(offset, length, signal) {
        checkRange(offset, length, kept.size);
        const range = kept.ranges.find(
          (have) => have.offset <= offset && offset + length <= have.offset + have.bytes.length,
        );
        if (range) return range.bytes.subarray(offset - range.offset, offset - range.offset + length);
        opened ??= rest();
        return (await opened).read(offset, length, signal);
      },
      async close() {
        await (await opened)?.close();
      },
    };
  }
}

/** Ranges cut to the member, sorted, those that touch made one. */
function wantedRanges(ranges: readonly MemberRange[], size: number): MemberRange[] {
  const merged: { offset: number; length: number }[] = [];
  for (const { offset, length } of ranges.toSorted((a, b) => a.offset - b.offset)) {
    const from = Math.max(0, offset);
    const end = Math.min(size, offset + length);
    if (!(from < end)) continue;
    const last = merged.at(-1);
    if (last && from <= last.offset + last.length) {
      last.length = Math.max(last.length, end - last.offset);
    } else merged.push({ offset: from, length: end - from });
  }
  return merged;
}

/** A copy of the bytes of sorted ranges; content after the last one is left. */
async function cut(content: AsyncIterable<Uint8Array>, ranges: readonly MemberRange[]) {
  const taken: { offset: number; bytes: Uint8Array }[] = [];
  let parts: Uint8Array[] = [];
  let have = 0;
  let at = 0;
  let next = 0;
  for await (const piece of content) {
    for (let range = ranges[next]; range && range.offset < at + piece.length; range = ranges[next]) {
      const from = Math.max(range.offset, at) - at;
      // Copied at once: the piece may be lent, and a small part must not hold on to all of it. A Buffer's own
      // slice would be a view.
      const part = Uint8Array.prototype.slice.call(piece, from, range.offset + range.length - at);
      parts.push(part);
      have += part.length;
      if (have < range.length) break;
      taken.push({ offset: range.offset, bytes: parts.length === 1 && parts[0] ? parts[0] : concat(parts) });
      parts = [];
      have = 0;
      next++;
    }
    at += piece.length;
    if (next >= ranges.length) break;
  }
  return taken;
}
