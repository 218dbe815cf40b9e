import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { ByteSource } from '../bytes/byte-source.ts';
import { checkRange } from '../bytes/byte-source.ts';
import { CodedError } from '../errors/coded-error.ts';

/**
 * The regular file at `path` as random-access bytes.
 * Opened without blocking, so that a FIFO in place of the file is refused instead of waited for.
 * @throws CodedError `invalid-argument` when it is not a regular file; the system's own error when it cannot
 *   be opened.
 */
export async function openFileSource(path: string): Promise<ByteSource> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) {
      throw new CodedError('invalid-argument', `input ${path} not a regular file`, { data: { path } });
    }
    let closed = false;
    return {
      size: stat.size,
      async read(offset, length, signal) {
        signal?.throwIfAborted();
        checkRange(offset, length, stat.size);
        const bytes = Buffer.allocUnsafeSlow(length);
        for (let at = 0; at < length; ) {
          const { bytesRead } = await handle.read(bytes, at, length - at, offset + at);
          if (bytesRead === 0) {
            throw new CodedError(
              'corrupt',
              `reading ${path}: it became shorter than ${stat.size} bytes while it was read`,
            );
          }
          at += bytesRead;
        }
        return bytes;
      },
      async close() {
        if (closed) return;
        closed = true;
        await handle.close();
      },
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
