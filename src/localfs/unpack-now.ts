import { constants, createGunzip, createZstdDecompress } from 'node:zlib';
import type { Compression } from '../archive/compression.ts';
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
function decoder(compression: Compression): Decoder | undefined {
  const stream = compression === 'gzip' ? createGunzip() : createZstdDecompress();
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
 * The bytes of all frames or members in `pieces`, unpacked in this thread: for programs that have nothing else to do
 * meanwhile. `undefined` where this platform cannot; nothing is asked of `pieces` then.
 * @param pieces each is done with when the next one is asked for
 * @param lend whether the caller is, too: all is unpacked into the same memory
 * @throws CodedError `corrupt` for damaged data
 */
export function unpackNow(
  compression: Compression,
  pieces: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
  lend = false,
): AsyncGenerator<Uint8Array> | undefined {
  const first = decoder(compression);
  if (!first) return undefined;
  return compression === 'gzip'
    ? unpackMembers(first, pieces, signal, lend)
    : unpackFrames(first, pieces, signal, lend);
}

/** The decoder goes from one member to the next by itself, and tells when it is asked to finish whether one is cut off. */
async function* unpackMembers(
  unpacker: Decoder,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
  lend: boolean,
): AsyncGenerator<Uint8Array> {
  try {
    yield* unpackAll('gzip', unpacker, withEnd(pieces), signal, lend);
  } finally {
    unpacker.close();
  }
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
      unpacker ??= decoder('zstd');
      if (!unpacker) throw new CodedError('unsupported', 'this platform unpacks no zstd at once');
      yield* unpackAll('zstd', unpacker, frame, signal, lend);
      unpacker.close();
      unpacker = undefined;
    }
  } finally {
    unpacker?.close();
  }
}

/** Stands for the end of what there is to unpack. */
const end = new Uint8Array(0);

async function* withEnd(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* pieces;
  yield end;
}

/** @param inputs all bytes of a frame and none besides; of gzip those of the file, and {@link end} */
async function* unpackAll(
  compression: Compression,
  unpacker: Decoder,
  inputs: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
  lend: boolean,
): AsyncGenerator<Uint8Array> {
  let output = Buffer.allocUnsafeSlow(pieceSize);
  let have = 0;
  let pieces = 0;
  all: for await (const input of inputs) {
    const flush = input === end ? constants.Z_FINISH : constants.Z_NO_FLUSH;
    for (let at = 0, full = input === end; at < input.length || full; ) {
      unpacker.write(flush, input, at, input.length - at, output, have, pieceSize - have);
      const failure = unpacker.failure();
      if (failure) throw damaged(compression, failure);
      const before = at + have;
      have = pieceSize - unpacker.left[0];
      at = input.length - unpacker.left[1];
      full = have === pieceSize;
      if (!full && at < input.length && at + have === before) {
        // Zeros fill up the last block of a tape; the streams do not look behind them either.
        if (compression === 'gzip') break all;
        throw damaged(compression, 'data after the end of a frame');
      }
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
