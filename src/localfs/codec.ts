import { Readable, type Transform } from 'node:stream';
import { promisify } from 'node:util';
import {
  constants,
  createGunzip,
  createZstdDecompress,
  gunzip,
  gzip,
  zstdCompress,
  zstdDecompress,
} from 'node:zlib';
import type { Codec, Compression } from '../archive/compression.ts';
import { splitZstd } from '../archive/zstd-frames.ts';
import { CodedError } from '../errors/coded-error.ts';
import { damaged } from './damaged-data.ts';

/** Large pieces: with zlib's own 16 KiB, unpacking takes twice as long. */
const chunkSize = 256 << 10;

const gzipBytes = promisify(gzip);
const gunzipBytes = promisify(gunzip);
const zstdBytes = promisify(zstdCompress);
const unzstdBytes = promisify(zstdDecompress);

/** Compression by what is built into the platform; several frames are worked on in its threads at once. */
export const codec: Codec = {
  decompress,

  async decompressFrame(compression, frame, length) {
    const options = { maxOutputLength: Math.max(1, length) };
    let bytes: Uint8Array;
    try {
      bytes = compression === 'gzip' ? await gunzipBytes(frame, options) : await unzstdBytes(frame, options);
    } catch (error) {
      throw damaged(compression, error);
    }
    if (bytes.length === length) return bytes;
    throw damaged(compression, `a frame has ${bytes.length} bytes where ${length} were announced`);
  },

  compressFrame(compression, bytes, level) {
    if (compression === 'gzip') return gzipBytes(bytes, { level: level ?? 6 });
    const params = {
      [constants.ZSTD_c_compressionLevel]: level ?? 3,
      [constants.ZSTD_c_checksumFlag]: 1,
    };
    return zstdBytes(bytes, { params, pledgedSrcSize: bytes.length });
  },
};

async function* decompress(
  compression: Compression,
  pieces: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (compression === 'gzip') {
    yield* unpack(compression, createGunzip({ chunkSize }), pieces, signal);
    return;
  }
  for await (const frame of splitZstd(pieces)) {
    yield* unpack(compression, createZstdDecompress({ chunkSize }), frame, signal);
  }
}

async function* unpack(
  compression: Compression,
  unpacker: Transform,
  pieces: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const input = Readable.from(pieces, { objectMode: true, highWaterMark: 1 });
  let inputFailed = false;
  input.on('error', (error) => {
    inputFailed = true;
    unpacker.destroy(error);
  });
  input.pipe(unpacker);
  try {
    for await (const piece of unpacker) {
      signal?.throwIfAborted();
      yield piece;
    }
  } catch (error) {
    // What the caller or the source of the bytes threw is not ours to rename.
    if (inputFailed || signal?.aborted || error instanceof CodedError) throw error;
    throw damaged(compression, error);
  } finally {
    input.destroy();
    unpacker.destroy();
  }
}
