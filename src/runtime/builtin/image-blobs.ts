import { createHash } from 'node:crypto';
import { lstat, open as openFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { plainName } from '../../archive/member-name.ts';
import { indexTar, openEntry } from '../../archive/tar-index.ts';
import { type ByteSource, readChunks } from '../../bytes/byte-source.ts';
import { textOf } from '../../bytes/text.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { openFileSource } from '../../localfs/file-source.ts';
import { rootedPath } from '../../localfs/rooted-path.ts';

/** The files of an image as it lies on disk, in a folder or in an archive. */
export interface ImageFiles {
  /** Undefined when there is no such file. The caller closes it. */
  open(name: string): Promise<ByteSource | undefined>;
  close(): Promise<void>;
}

/** Bytes that a description (index, manifest, configuration) may have. */
const mostDescription = 8 << 20;
/** Bytes that a layer or a packed archive may have when unpacked. */
const mostUnpacked = 2 ** 36;

/** @throws CodedError `not-found`, `corrupt`. */
export async function openImageFiles(path: string, scratch: string): Promise<ImageFiles> {
  const info = await lstat(path).catch((cause: unknown) => {
    throw new CodedError('not-found', `reading an image: ${path} does not exist`, { cause });
  });
  return info.isDirectory() ? folderFiles(path) : archiveFiles(path, scratch);
}

function folderFiles(folder: string): ImageFiles {
  return {
    async open(name) {
      return openFileSource(await rootedPath(folder, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
    },
    async close() {},
  };
}

async function archiveFiles(path: string, scratch: string): Promise<ImageFiles> {
  const packed = await openFileSource(path);
  let plain: ByteSource = packed;
  let unpacked: string | undefined;
  try {
    if ((await compressionOf(packed)) !== 'none') {
      // Members are read out of order, which a compressed stream does not allow.
      unpacked = scratch;
      await unpackTo(scratch, packed);
      plain = await openFileSource(scratch);
    }
    const index = await indexTar(plain);
    return {
      async open(name) {
        const entry = index.content(plainName(name));
        return entry && openEntry(plain, entry);
      },
      async close() {
        await packed.close();
        await plain.close();
        if (unpacked !== undefined) await rm(unpacked, { force: true });
      },
    };
  } catch (error) {
    await packed.close();
    if (unpacked !== undefined) await rm(unpacked, { force: true });
    throw error;
  }
}

async function unpackTo(path: string, packed: ByteSource): Promise<void> {
  const handle = await openFile(path, 'wx', 0o600);
  try {
    for await (const piece of decompressed(packed)) await handle.write(piece);
  } finally {
    await handle.close();
  }
}

type Compression = 'none' | 'gzip' | 'zstd';

async function compressionOf(source: ByteSource): Promise<Compression> {
  const start = await source.read(0, Math.min(4, source.size));
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  return start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd ? 'zstd' : 'none';
}

/**
 * The bytes behind gzip or zstd, or the bytes themselves.
 * @throws CodedError `corrupt`, `resource-exhausted` when they are more than any layer should have.
 */
export async function* decompressed(source: ByteSource, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const kind = await compressionOf(source);
  const pieces = kind === 'none' ? readChunks(source, 1 << 20, signal) : inflate(source, kind, signal);
  let total = 0;
  for await (const piece of pieces) {
    total += piece.length;
    if (total > mostUnpacked) {
      throw new CodedError('resource-exhausted', `unpacking an image: more than ${mostUnpacked} bytes`);
    }
    yield piece;
  }
}

async function* inflate(
  source: ByteSource,
  kind: 'gzip' | 'zstd',
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const engine = kind === 'gzip' ? createGunzip() : createZstdDecompress();
  // The callback has nothing to add: what goes wrong ends the engine, and so the loop below.
  pipeline(Readable.from(readChunks(source, 1 << 20, signal)), engine, () => {});
  try {
    for await (const piece of engine) yield piece as Uint8Array;
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    throw new CodedError('corrupt', `unpacking an image: not well-formed ${kind}`, { cause });
  }
}

/** Passes bytes on and keeps their digest. */
export class Digest {
  readonly #hash = createHash('sha256');

  async *watch(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      this.#hash.update(piece);
      yield piece;
    }
  }

  /** `sha256:…` of all that passed. Once. */
  value(): string {
    return `sha256:${this.#hash.digest('hex')}`;
  }
}

/** The bytes of a description. @throws CodedError `not-found`, `corrupt` when its digest is another. */
export async function readDescription(
  files: ImageFiles,
  name: string,
  digest?: string,
): Promise<{ value: Record<string, unknown>; digest: string }> {
  const source = await files.open(name);
  if (source === undefined) throw new CodedError('not-found', `reading an image: it has no ${name}`);
  try {
    if (source.size > mostDescription) {
      throw new CodedError('corrupt', `reading an image: ${name} has ${source.size} bytes`);
    }
    const bytes = await source.read(0, source.size);
    const found = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    if (digest !== undefined && digest !== found) {
      throw new CodedError('corrupt', `reading an image: ${name} has the digest ${found}, not ${digest}`);
    }
    return { value: parseObject(textOf(bytes), name), digest: found };
  } finally {
    await source.close();
  }
}

function parseObject(text: string, name: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CodedError('corrupt', `reading an image: ${name} is not JSON`, { cause });
  }
  // Docker's manifest.json is a list; its caller knows.
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new CodedError('corrupt', `reading an image: ${name} holds no object`);
}

/** The name of a blob in an OCI layout. @throws CodedError `corrupt` unless it is a sha256 digest. */
export function blobName(digest: unknown): string {
  if (typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest)) {
    return join('blobs/sha256', digest.slice(7));
  }
  throw new CodedError('corrupt', `reading an image: ${JSON.stringify(digest)} is not a sha256 digest`);
}
