import type { Codec, Compression } from '../archive/compression.ts';

/**
 * The platform's compression, loaded when something turns out to be packed: its modules take longer to load
 * than a plain archive takes to be looked into.
 */
export const lateCodec: Codec = loadedLate(async () => (await import('./codec.ts')).codec);

/** The same for programs that have nothing else to do meanwhile: not for servers. */
export const blockingCodec: Codec = { ...lateCodec, takesAtOnce: true, decompress: decompressNow };

async function* decompressNow(
  compression: Compression,
  pieces: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
  lend?: boolean,
): AsyncGenerator<Uint8Array> {
  const { unpackNow } = await import('./unpack-now.ts');
  yield* unpackNow(compression, pieces, signal, lend) ??
    lateCodec.decompress(compression, copies(pieces), signal);
}

async function* copies(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield new Uint8Array(piece);
}

function loadedLate(load: () => Promise<Codec>): Codec {
  return {
    async *decompress(compression, pieces, signal) {
      yield* (await load()).decompress(compression, pieces, signal);
    },
    async decompressFrame(compression, frame, length) {
      return (await load()).decompressFrame(compression, frame, length);
    },
    async compressFrame(compression, bytes, level) {
      return (await load()).compressFrame(compression, bytes, level);
    },
  };
}
