import { CodedError } from '../errors/coded-error.ts';

/** What walking over a frame asks for next: so many bytes to look at, or to pass over. */
type Step = { take: number } | { skip: number };

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;

/** Sizes of the two optional fields of a frame header, by their two bits in its descriptor. */
const dictionarySizes = [0, 1, 2, 4] as const;
const contentSizes = [0, 2, 4, 8] as const;

/**
 * Walks over one frame, skippable ones included, by its block headers, without unpacking it.
 * The decoder that is built into the platform stops after the first frame and does not say where, so the
 * frames of a file have to be told apart here.
 */
function* walkFrame(): Generator<Step, void, Uint8Array> {
  const magic = u32(yield { take: 4 });
  if ((magic & 0xfffffff0) >>> 0 === skippableMagic) {
    yield { skip: u32(yield { take: 4 }) };
    return;
  }
  if (magic !== frameMagic) throw damaged('what follows is no frame');
  const [descriptor = 0] = yield { take: 1 };
  const single = (descriptor & 0x20) !== 0;
  if (descriptor & 0x08) throw damaged('a reserved bit is set');
  const content = contentSizes[(descriptor >> 6) as 0 | 1 | 2 | 3] || (single ? 1 : 0);
  yield { skip: (single ? 0 : 1) + dictionarySizes[(descriptor & 3) as 0 | 1 | 2 | 3] + content };
  for (let last = false; !last; ) {
    const [a = 0, b = 0, c = 0] = yield { take: 3 };
    const header = a | (b << 8) | (c << 16);
    const type = (header >> 1) & 3;
    if (type === 3) throw damaged('a block has a reserved type');
    last = (header & 1) !== 0;
    yield { skip: type === 1 ? 1 : header >> 3 };
  }
  if (descriptor & 0x04) yield { skip: 4 };
}

function u32(bytes: Uint8Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

function damaged(found: string): CodedError {
  return new CodedError('corrupt', `the zstd data are damaged: ${found}`);
}

/** Feeds pieces of a file to {@link walkFrame}. */
class FrameWalk {
  readonly #walk = walkFrame();
  readonly #buffer = new Uint8Array(4);
  #have = 0;
  #step: IteratorResult<Step, void> = this.#walk.next();

  get done(): boolean {
    return this.#step.done === true;
  }

  /** How many bytes of `piece` belong to the frame. */
  advance(piece: Uint8Array): number {
    let at = 0;
    while (!this.#step.done) {
      const step: Step = this.#step.value;
      const wanted = ('take' in step ? step.take : step.skip) - this.#have;
      if (wanted > 0 && at === piece.length) break;
      const count = Math.min(wanted, piece.length - at);
      if ('take' in step) this.#buffer.set(piece.subarray(at, at + count), this.#have);
      at += count;
      this.#have += count;
      if (count < wanted) break;
      const taken = 'take' in step ? this.#buffer.subarray(0, step.take) : new Uint8Array(0);
      this.#have = 0;
      this.#step = this.#walk.next(taken);
    }
    return at;
  }
}

/** Whether `bytes` are one whole frame and nothing besides: all that a decoder of one frame unpacks. */
export function isOneFrame(bytes: Uint8Array): boolean {
  const walk = new FrameWalk();
  return walk.advance(bytes) === bytes.length && walk.done;
}

/**
 * The bytes of each frame in `pieces`, in pieces; take all of one before the next.
 * @throws CodedError `corrupt` when something else is in between, or the last one is cut off.
 */
export async function* splitZstd(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<AsyncGenerator<Uint8Array>, void, void> {
  const input = pieces[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);

  async function more(): Promise<boolean> {
    while (rest.length === 0) {
      const next = await input.next();
      if (next.done) return false;
      rest = next.value;
    }
    return true;
  }

  async function* frame(): AsyncGenerator<Uint8Array> {
    const walk = new FrameWalk();
    while (!walk.done) {
      if (!(await more())) {
        throw new CodedError('corrupt', 'unexpected EOF: the zstd data are cut off');
      }
      const used = walk.advance(rest);
      const part = rest.subarray(0, used);
      rest = rest.subarray(used);
      if (part.length > 0) yield part;
    }
  }

  try {
    while (await more()) yield frame();
  } finally {
    await input.return?.();
  }
}
