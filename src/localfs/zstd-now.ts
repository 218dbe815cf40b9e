import { createZstdDecompress } from 'node:zlib';
import { splitZstd } from '../archive/zstd-frames.ts';
import { CodedError } from '../errors/coded-error.ts';
import { damaged } from './damaged-data.ts';

/** Small enough for the processor's own memory. */
const pieceSize = 128 << 10;

/** With a signal, the event loop has its turn after so many pieces: it is what hears of interruptions. */
const piecesInARow = 64;

/** A decoder of the platform, and how much room and input its last call left over. */
interface Decoder {
  write(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
  readonly left: { readonly [at in 0 | 1]: number };
  readonly failure: () => Error | null;
  close(): void;
}

/**
 * What the platform's own synchronous functions call, `undefined` where this version has it not. Its streams hand
 * each piece to another thread and wait, which takes as long as unpacking; its synchronous functions unpack all at
 * once. What is between is not documented, but has been the same for many years and is what npm reads archives with.
 */
function decoder(): Decoder | undefined {
  const stream = createZstdDecompress();
  // Failures are asked for after each call; the event repeats them.
  stream.on('error', () => {});
  const { _handle: handle, _writeState: left } = stream as unknown as Record<string, unknown>;
  const write = (handle as { writeSync?: unknown } | undefined)?.writeSync;
  if (typeof write !== 'function' || !(left instanceof Uint32Array) || left.length !== 2) {
    stream.destroy();
    return undefined;
  }
  return {
    write: write.bind(handle),
    left: left as unknown as Decoder['left'],
    failure: () => stream.errored,
    close: () => stream.destroy(),
  };
}

/**
 * The bytes of all frames in `pieces`, unpacked in this thread: for programs that have nothing else to do
 * meanwhile. `undefined` where this platform cannot; nothing is asked of `pieces` then.
 * @param pieces each is done with when the next one is asked for
 * @param lend whether the caller is, too: all is unpacked into the same memory
 * @throws CodedError `corrupt` for damaged data
 */
export function unpackZstdNow(
  pieces: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
  lend = false,
): AsyncGenerator<Uint8Array> | undefined {
  const first = decoder();
  return first && unpackFrames(first, pieces, signal, lend);
}

async function* unpackFrames(
  first: Decoder,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
  lend: boolean,
): AsyncGenerator<Uint8Array> {
  let unpacker: Decoder | undefined = first;
  try {
    for await (const frame of splitZstd(pieces)) {
      unpacker ??= decoder();
      if (!unpacker) throw new CodedError('unsupported', 'this platform unpacks no zstd at once');
      yield* unpackFrame(unpacker, frame, signal, lend);
      unpacker.close();
      unpacker = undefined;
    }
  } finally {
    unpacker?.close();
  }
}

/** @param frame all of its bytes and none besides */
async function* unpackFrame(
  unpacker: Decoder,
  frame: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
  lend: boolean,
): AsyncGenerator<Uint8Array> {
  let output = Buffer.allocUnsafeSlow(pieceSize);
  let have = 0;
  let pieces = 0;
  for await (const input of frame) {
    for (let at = 0, full = false; at < input.length || full; ) {
      unpacker.write(0, input, at, input.length - at, output, have, pieceSize - have);
      const failure = unpacker.failure();
      if (failure) throw damaged('zstd', failure);
      const before = at + have;
      have = pieceSize - unpacker.left[0];
      at = input.length - unpacker.left[1];
      full = have === pieceSize;
      if (!full && at < input.length && at + have === before)
        throw damaged('zstd', 'data after the end of a frame');
      if (!full) continue;
      yield output;
      if (!lend) output = Buffer.allocUnsafeSlow(pieceSize);
      have = 0;
      if (signal && ++pieces % piecesInARow === 0) await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    }
  }
  if (have > 0) yield output.subarray(0, have);
}
