import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { gunzipSync, constants as packing, zstdDecompressSync } from 'node:zlib';
import { sniffPacking } from '../archive/compression.ts';
import type { ArchiveLimits } from '../archive/limits.ts';
import { checkRange } from '../bytes/byte-source.ts';
import type { Identity } from '../checkpoint/identity.ts';
import { identityOfHead, identityOfTar } from '../checkpoint/identity-now.ts';

/** Packed bytes that hold the first members of an archive: zstd gives nothing before a block of 128 KiB is whole. */
const headBytes = { gzip: 16 << 10, zstd: 64 << 10 };

/** The most that they may unpack to. */
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
  const head = readNow(fd, 0, Math.min(size, headBytes.zstd));
  const read = (offset: number, length: number): Uint8Array => {
    checkRange(offset, length, size);
    if (offset + length <= head.length) return head.subarray(offset, offset + length);
    return readNow(fd, offset, length);
  };
  const maxOutputLength = unpackedBytes;
  switch (sniffPacking(head)) {
    case 'none':
      return identityOfTar(size, read, limits);
    case 'gzip': {
      const options = { finishFlush: packing.Z_SYNC_FLUSH, maxOutputLength };
      return identityOfHead(gunzipSync(head.subarray(0, headBytes.gzip), options), limits);
    }
    case 'zstd': {
      const options = { finishFlush: packing.ZSTD_e_flush, maxOutputLength };
      return identityOfHead(zstdDecompressSync(head, options), limits);
    }
    default:
      return undefined;
  }
}

/** Fewer bytes than asked for where the file has become shorter: a broken archive to whoever reads them. */
function readNow(fd: number, offset: number, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
}
