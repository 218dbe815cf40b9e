import { type ByteSource, checkRange } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';

const blockSize = 1 << 20;
/** Blocks that are held, so that small steps back cost nothing. */
const heldBlocks = 4;

/**
 * Random-access bytes over content that can only be streamed, from its start, again and again: reading
 * forwards goes on in the same stream, reading backwards begins a new one.
 */
export function forwardSource(
  size: number,
  restart: (signal?: AbortSignal) => AsyncIterable<Uint8Array>,
): ByteSource {
  return new ForwardSource(size, restart);
}

class ForwardSource implements ByteSource {
  readonly size: number;
  readonly #restart: (signal?: AbortSignal) => AsyncIterable<Uint8Array>;
  readonly #blocks = new Map<number, Uint8Array>();
  #stream: AsyncIterator<Uint8Array> | undefined;
  #next = 0;
  #rest: Uint8Array = new Uint8Array(0);
  #turn: Promise<unknown> = Promise.resolve();

  constructor(size: number, restart: (signal?: AbortSignal) => AsyncIterable<Uint8Array>) {
    this.size = size;
    this.#restart = restart;
  }

  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    // One reader at a time: the stream has a single position.
    const result = this.#turn.then(() => this.#read(offset, length, signal));
    this.#turn = result.catch(() => {});
    return result;
  }

  async #read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    checkRange(offset, length, this.size);
    const parts: Uint8Array[] = [];
    for (let at = offset; at < offset + length; ) {
      const index = Math.floor(at / blockSize);
      const block = await this.#block(index, signal);
      const from = at - index * blockSize;
      const part = block.subarray(from, from + offset + length - at);
      parts.push(part);
      at += part.length;
    }
    return parts.length === 1 && parts[0] ? parts[0] : concat(parts);
  }

  async #block(index: number, signal?: AbortSignal): Promise<Uint8Array> {
    const held = this.#blocks.get(index);
    if (held) return held;
    if (!this.#stream || index < this.#next) {
      await this.#end();
      this.#stream = this.#restart(signal)[Symbol.asyncIterator]();
    }
    for (;;) {
      const block = await this.#take(this.#stream, this.#next);
      this.#hold(this.#next, block);
      if (this.#next++ === index) return block;
    }
  }

  async #take(stream: AsyncIterator<Uint8Array>, index: number): Promise<Uint8Array> {
    const length = Math.min(blockSize, this.size - index * blockSize);
    const block = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      if (this.#rest.length === 0) {
        const next = await stream.next();
        if (next.done) checkRange(index * blockSize + at, length - at, index * blockSize + at);
        else this.#rest = next.value;
      }
      const part = this.#rest.subarray(0, length - at);
      this.#rest = this.#rest.subarray(part.length);
      block.set(part, at);
      at += part.length;
    }
    return block;
  }

  #hold(index: number, block: Uint8Array): void {
    this.#blocks.set(index, block);
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= heldBlocks) return;
      this.#blocks.delete(oldest);
    }
  }

  async #end(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#next = 0;
    this.#rest = new Uint8Array(0);
    await stream?.return?.();
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#end();
    this.#blocks.clear();
  }
}
