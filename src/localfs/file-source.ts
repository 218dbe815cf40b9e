import { closeSync, constants, fstatSync, openSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import type { ByteSource } from '../bytes/byte-source.ts';
import { checkRange } from '../bytes/byte-source.ts';
import { CodedError } from '../errors/coded-error.ts';

const readLater = promisify(read);

/** Bytes that are read at once before the event loop has its turn, where there is a signal to hear. */
const mostInARow = 64 << 20;

export interface FileSourceOptions {
  /**
   * Read at once instead of in another thread: several times faster for small pieces, and for programs that have
   * nothing else to do meanwhile. Not for servers.
   */
  blocking?: boolean | undefined;
}

/**
 * The regular file at `path` as random-access bytes.
 * Opened without blocking, so that a FIFO in place of the file is refused instead of waited for.
 * @throws CodedError `invalid-argument` when it is not a regular file; the system's own error when it cannot
 *   be opened.
 */
export async function openFileSource(path: string, options: FileSourceOptions = {}): Promise<ByteSource> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) {
      throw new CodedError('invalid-argument', `input ${path} not a regular file`, { data: { path } });
    }
    return new FileSource(path, fd, stat.size, options.blocking === true);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

class FileSource implements ByteSource {
  readonly size: number;
  readonly #path: string;
  readonly #blocking: boolean;
  #fd: number | undefined;
  #readInARow = 0;
  /** Reads under way in other threads: the descriptor's number must not become another file's before they end. */
  readonly #reading = new Set<Promise<unknown>>();

  constructor(path: string, fd: number, size: number, blocking: boolean) {
    this.#path = path;
    this.#fd = fd;
    this.size = size;
    this.#blocking = blocking;
  }

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    checkRange(offset, length, this.size);
    const bytes = Buffer.allocUnsafeSlow(length);
    await this.readInto(bytes, offset, signal);
    return bytes;
  }

  async readInto(bytes: Uint8Array, offset: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    checkRange(offset, bytes.length, this.size);
    for (let at = 0; at < bytes.length; ) {
      const fd = this.#opened();
      const count = this.#blocking
        ? readSync(fd, bytes, at, bytes.length - at, offset + at)
        : await this.#readLater(fd, bytes, at, offset + at);
      if (count === 0) {
        throw new CodedError(
          'corrupt',
          `reading ${this.#path}: it became shorter than ${this.size} bytes while it was read`,
        );
      }
      at += count;
    }
    if (signal && this.#blocking) await this.#giveWay(bytes.length, signal);
  }

  /** Lets the event loop hear of interruptions now and then, which reading at once keeps it from. */
  async #giveWay(read: number, signal: AbortSignal): Promise<void> {
    this.#readInARow += read;
    if (this.#readInARow < mostInARow) return;
    this.#readInARow = 0;
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  }

  #opened(): number {
    if (this.#fd === undefined) throw new CodedError('failed-precondition', `${this.#path} was closed`);
    return this.#fd;
  }

  async #readLater(fd: number, bytes: Uint8Array, at: number, position: number): Promise<number> {
    const reading = readLater(fd, bytes, at, bytes.length - at, position);
    this.#reading.add(reading);
    try {
      return (await reading).bytesRead;
    } finally {
      this.#reading.delete(reading);
    }
  }

  async close(): Promise<void> {
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#fd = undefined;
    if (this.#reading.size > 0) await Promise.allSettled(this.#reading);
    closeSync(fd);
  }
}
