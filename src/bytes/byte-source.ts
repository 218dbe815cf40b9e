import { CodedError } from '../errors/coded-error.ts';

/**
 * Random-access bytes of a known length: a file, a slice of one, a member of an archive, a buffer.
 * Whoever makes one owns what is behind it; `close` releases that, and is safe to call twice.
 */
export interface ByteSource {
  /** Length in bytes. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset`. The array may be a view of something shared: do not write to it.
   * @throws CodedError `corrupt` when the range is not wholly inside `size`, or when what is behind it has
   *   become shorter since.
   */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * As `read`, into bytes of the caller: for reading a lot through the same memory. Absent where it would not save
   * anything.
   */
  readInto?(target: Uint8Array, offset: number, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The bytes of `bytes` as a {@link ByteSource}. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    async read(offset, length) {
      checkRange(offset, length, bytes.length);
      return bytes.subarray(offset, offset + length);
    },
    async close() {},
  };
}

/** `length` bytes of `source` from `offset` on, as a source of its own. Closing it leaves `source` open. */
export function sliceSource(source: ByteSource, offset: number, length: number): ByteSource {
  checkRange(offset, length, source.size);
  const readInto = source.readInto?.bind(source);
  return {
    size: length,
    ...(readInto && {
      async readInto(target: Uint8Array, from: number, signal?: AbortSignal) {
        checkRange(from, target.length, length);
        await readInto(target, offset + from, signal);
      },
    }),
    async read(from, count, signal) {
      checkRange(from, count, length);
      return source.read(offset + from, count, signal);
    },
    async close() {},
  };
}

/** Everything in `source`, in pieces of at most `chunk` bytes. */
export async function* readChunks(
  source: ByteSource,
  chunk = 1 << 20,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < source.size; offset += chunk) {
    yield await source.read(offset, Math.min(chunk, source.size - offset), signal);
  }
}

/** As {@link readChunks}, through the same memory where that can be: a piece is good until the next is asked for. */
export async function* readThrough(
  source: ByteSource,
  chunk = 1 << 20,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (!source.readInto) {
    yield* readChunks(source, chunk, signal);
    return;
  }
  const room = new Uint8Array(Math.min(chunk, source.size));
  for (let offset = 0; offset < source.size; offset += chunk) {
    const piece = room.subarray(0, Math.min(chunk, source.size - offset));
    await source.readInto(piece, offset, signal);
    yield piece;
  }
}

/** @throws CodedError `corrupt` unless `offset .. offset+length` lies inside `size` bytes. */
export function checkRange(offset: number, length: number, size: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= size) return;
  throw new CodedError(
    'corrupt',
    `unexpected end of data: ${length} bytes wanted at offset ${offset}, ${size} are there`,
    { data: { offset, length, size } },
  );
}
