import type { Codec } from '../archive/compression.ts';

/**
 * The platform's compression, loaded when something turns out to be packed: its modules take longer to load
 * than a plain archive takes to be looked into.
 */
export const lateCodec: Codec = loadedLate(async () => (await import('./codec.ts')).codec);

/** The same for programs that have nothing else to do meanwhile. */
export const lateBlockingCodec: Codec = {
  ...loadedLate(async () => (await import('./codec.ts')).blockingCodec),
  takesAtOnce: (compression) => compression === 'zstd',
};

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
