import { concat } from '../bytes/concat.ts';
import type { Codec, Compression } from './compression.ts';
import { encodeSeekTable, type Frame } from './seek-table.ts';
import { endMark, type TarMember, writeMember } from './tar-writer.ts';

export interface FramesOptions {
  compression: Compression;
  codec: Codec;
  /** As the compression's own tools number it. */
  level?: number | undefined;
  /** Frames that are compressed at the same time. */
  parallel?: number;
  signal?: AbortSignal | undefined;
}

/** Content from this size on has frames of its own, so that nobody unpacks it to get at the next header. */
const ownFrames = 256 << 10;
/** Bytes in one frame: what a reader unpacks to see a single page of it. */
const frameSize = 1 << 20;

/**
 * A compressed archive that is seekable: independent frames, cut where large content begins and ends, and a
 * table of them at the end that other programs pass over. To them it is an ordinary compressed tar.
 */
export async function* writeFrames(
  members: Iterable<TarMember> | AsyncIterable<TarMember>,
  options: FramesOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const { compression, codec, level, parallel = 2, signal } = options;
  const frames: Frame[] = [];
  const waiting: { length: number; packed: Promise<Uint8Array> }[] = [];
  const finish = async () => {
    const next = waiting.shift();
    if (!next) return new Uint8Array(0);
    const packed = await next.packed;
    frames.push({ stored: packed.length, length: next.length });
    return packed;
  };
  for await (const bytes of cutFrames(members, signal)) {
    signal?.throwIfAborted();
    const packed = codec.compressFrame(compression, bytes, level);
    // A failure shows where the frame's turn comes; until then it must not count as unhandled.
    packed.catch(() => {});
    waiting.push({ length: bytes.length, packed });
    if (waiting.length >= parallel) yield await finish();
  }
  while (waiting.length > 0) yield await finish();
  yield encodeSeekTable(compression, frames);
}

/** The bytes of the archive, one array for each frame. */
async function* cutFrames(
  members: Iterable<TarMember> | AsyncIterable<TarMember>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const frame = new FrameBuffer();
  for await (const member of members) {
    const size = contentSize(member);
    const own = size >= ownFrames;
    let left = -1;
    for await (const piece of writeMember(member, signal)) {
      // The first piece of a member is its header.
      const content = own && left > 0;
      if (left < 0) left = size;
      if (content && left === size) yield* frame.flush();
      yield* frame.add(piece);
      if (content) {
        left -= piece.length;
        if (left <= 0) yield* frame.flush();
      }
    }
  }
  yield* frame.add(endMark);
  yield* frame.flush();
}

function contentSize(member: TarMember): number {
  if ('entry' in member) return member.entry.storedSize;
  if (member.size !== undefined) return member.size;
  const { content } = member;
  if (content === undefined) return 0;
  if (content instanceof Uint8Array) return content.length;
  return 'read' in content ? content.size : 0;
}

class FrameBuffer {
  #pieces: Uint8Array[] = [];
  #length = 0;

  *add(piece: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + frameSize - this.#length);
      // Callers may use their buffer again once the next piece is asked for.
      this.#pieces.push(part.slice());
      this.#length += part.length;
      at += part.length;
      if (this.#length === frameSize) yield* this.flush();
    }
  }

  *flush(): Generator<Uint8Array> {
    if (this.#length === 0) return;
    const frame = concat(this.#pieces);
    this.#pieces = [];
    this.#length = 0;
    yield frame;
  }
}
