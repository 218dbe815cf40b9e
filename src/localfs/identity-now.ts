import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type Packing, sniffPacking } from '../archive/compression.ts';
import type { ArchiveLimits } from '../archive/limits.ts';
import { isOneFrame } from '../archive/zstd-frames.ts';
import { checkRange } from '../bytes/byte-source.ts';
import type { Identity } from '../checkpoint/identity.ts';
import { identityOfTar } from '../checkpoint/identity-now.ts';

/** What is read at once: the headers in front of a plain archive, or all of a small packed one. */
const headBytes = 64 << 10;

/** A packed archive up to this size is unpacked at once, and whole: the last of several members of one name counts. */
const packedBytes = 512 << 10;

/** The most that it may unpack to. */
const unpackedBytes = 4 << 20;

/**
 * Who the container in the archive at `path` was, read at once and without another thread, for lists of very many
 * archives. Undefined for everything that is not quite usual, and for everything that is wrong: `openCheckpoint`
 * reads the one and explains the other.
 */
export function identityNow(path: string, limits: ArchiveLimits): Identity | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stat = fstatSync(fd);
    return stat.isFile() ? identityIn(fd, stat.size, limits) : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function identityIn(fd: number, size: number, limits: ArchiveLimits): Identity | undefined {
  const head = readNow(fd, 0, Math.min(size, headBytes));
  const read = (offset: number, length: number): Uint8Array => {
    checkRange(offset, length, size);
    if (offset + length <= head.length) return head.subarray(offset, offset + length);
    return readNow(fd, offset, length);
  };
  const packing = sniffPacking(head);
  if (packing === 'none') return identityOfTar(size, read, limits);
  if (size > packedBytes) return undefined;
  const tar = unpackNow(packing, read(0, size));
  if (!tar) return undefined;
  return identityOfTar(
    tar.length,
    (offset, length) => {
      checkRange(offset, length, tar.length);
      return tar.subarray(offset, offset + length);
    },
    limits,
  );
}

function unpackNow(packing: Packing, packed: Uint8Array): Uint8Array | undefined {
  const limit = { maxOutputLength: unpackedBytes };
  if (packing === 'gzip') return gunzipSync(packed, limit);
  // The platform's decoder stops after the first frame.
  return packing === 'zstd' && isOneFrame(packed) ? zstdDecompressSync(packed, limit) : undefined;
}

/** Fewer bytes than asked for where the file has become shorter: a broken archive to whoever reads them. */
function readNow(fd: number, offset: number, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
}
