import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ByteSource, bytesSource, checkRange } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import { CodedError } from '../errors/coded-error.ts';
import { privateFile } from './atomic-file.ts';

export interface SpoolOptions {
  /** For messages. */
  origin: string;
  /** The most bytes to take in. */
  limit: number;
  /** Bytes to hold in memory before a file is used. */
  inMemory?: number;
  /** Where such a file is made; the system's temporary directory where it is left out. */
  directory?: string;
  signal?: AbortSignal | undefined;
}

/**
 * Bytes that can be read once (a pipe) as random-access bytes. What does not fit in memory goes to a file
 * that has no name any more when the first byte is written to it, so that nothing is left of it whatever
 * happens to the program.
 */
export async function spool(pieces: AsyncIterable<Uint8Array>, options: SpoolOptions): Promise<ByteSource> {
  const { origin, limit, inMemory = 32 << 20, directory = tmpdir(), signal } = options;
  const held: Uint8Array[] = [];
  let file: FileHandle | undefined;
  let size = 0;
  try {
    for await (const piece of pieces) {
      signal?.throwIfAborted();
      size += piece.length;
      if (size > limit) throw tooMuch(origin, limit);
      held.push(piece);
      if (size <= inMemory) continue;
      file ??= await namelessFile(directory);
      await drain(file, held);
    }
  } catch (error) {
    await file?.close();
    throw error;
  }
  return file ? fileSource(file, size, origin) : bytesSource(concat(held));
}

function tooMuch(origin: string, limit: number): CodedError {
  return new CodedError('resource-exhausted', `${origin}: more than ${limit} bytes`, {
    data: { allowed: limit },
    hint: 'if the input can be trusted, raise the limit with --max-total-size',
  });
}

async function namelessFile(directory: string): Promise<FileHandle> {
  const folder = await mkdtemp(join(directory, 'stasis-'));
  try {
    return await open(join(folder, 'input'), 'wx+', privateFile);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Writes out and forgets everything in `held`. */
async function drain(file: FileHandle, held: Uint8Array[]): Promise<void> {
  for (const piece of held.splice(0)) {
    for (let at = 0; at < piece.length; ) at += (await file.write(piece, at)).bytesWritten;
  }
}

function fileSource(file: FileHandle, size: number, origin: string): ByteSource {
  let closed = false;
  return {
    size,
    async read(offset, length, signal) {
      signal?.throwIfAborted();
      checkRange(offset, length, size);
      const bytes = Buffer.allocUnsafeSlow(length);
      for (let at = 0; at < length; ) {
        const { bytesRead } = await file.read(bytes, at, length - at, offset + at);
        if (bytesRead === 0) throw new CodedError('internal', `${origin}: its temporary file became shorter`);
        at += bytesRead;
      }
      return bytes;
    },
    async close() {
      if (closed) return;
      closed = true;
      await file.close();
    },
  };
}
