import { CodedError } from '../errors/coded-error.ts';

/** Compressions that we read and write. */
export type Compression = 'gzip' | 'zstd';

/** How the bytes of a file are packed, by the bytes at its start. */
export type Packing = 'none' | Compression | 'bzip2' | 'xz' | 'lz4' | 'zip';

/** The home of compression magics. zstd's skippable frames may stand in front of its data. */
const magics: readonly (readonly [Packing, readonly number[], number?])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['zstd', [0x50, 0x2a, 0x4d, 0x18], 0xf0],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['lz4', [0x04, 0x22, 0x4d, 0x18]],
  ['zip', [0x50, 0x4b, 0x03, 0x04]],
];

/** Bytes that {@link sniffPacking} wants to see. */
export const magicLength = 6;

/** @param head the first bytes of a file. */
export function sniffPacking(head: Uint8Array): Packing {
  for (const [packing, magic, firstMask = 0xff] of magics) {
    const same = magic.every((byte, i) => ((head[i] ?? -1) & (i === 0 ? firstMask : 0xff)) === byte);
    if (head.length >= magic.length && same) return packing;
  }
  return 'none';
}

/** What the edges bring for reading and writing compressed bytes. */
export interface Codec {
  /**
   * The bytes that are packed in `pieces`: every frame or member of them, one after the other.
   * @param lend whether the caller is done with a piece when it asks for the next one, which may then be in the
   * same memory
   * @throws CodedError `corrupt` when they are damaged or cut off.
   */
  decompress(
    compression: Compression,
    pieces: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
    lend?: boolean,
  ): AsyncIterable<Uint8Array>;
  /**
   * Whether `decompress` is done with a piece when it asks for the next one, so that all can be read into the same
   * memory.
   */
  readonly takesAtOnce?: boolean;
  /**
   * One independent frame.
   * @throws CodedError `corrupt` unless it unpacks to exactly `length` bytes.
   */
  decompressFrame(compression: Compression, frame: Uint8Array, length: number): Promise<Uint8Array>;
  /** `bytes` as one independent frame, with a checksum. `level` as the compression's own tools number it. */
  compressFrame(compression: Compression, bytes: Uint8Array, level?: number): Promise<Uint8Array>;
}

/** What to say of a file that is packed in a way we do not read. */
export function refusePacking(origin: string, packing: Exclude<Packing, 'none' | Compression>): CodedError {
  const tool = { bzip2: 'bzip2 -dc', xz: 'xz -dc', lz4: 'lz4 -dc', zip: 'unzip -p' }[packing];
  return new CodedError(
    'unsupported',
    `${origin} is packed with ${packing}; checkpoint archives are read plain, with gzip and with zstd`,
    { hint: `unpack it first: ${tool} ${origin} | stasis COMMAND -` },
  );
}
