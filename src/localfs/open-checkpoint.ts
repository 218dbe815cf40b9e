import { fstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Codec } from '../archive/compression.ts';
import { type ArchiveLimits, defaultLimits } from '../archive/limits.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openArchive } from '../checkpoint/from-archive.ts';
import { isMemberName } from '../checkpoint/layout.ts';
import { dockerManifestFile, layoutFile } from '../oci/layout-names.ts';
import { type FileSourceOptions, openFileSource } from './file-source.ts';
import { innerPath, openInner } from './inner-archive.ts';
import { blockingCodec, lateCodec } from './late-codec.ts';
import type { ImageOptions } from './open-image.ts';

export interface OpenOptions extends FileSourceOptions {
  limits?: ArchiveLimits;
  signal?: AbortSignal | undefined;
  /** Which image of an OCI layout, by its reference name; needed only where there are several. */
  image?: string | undefined;
}

/**
 * The checkpoint at `path`: an archive (plain, gzip, zstd), a directory, an OCI image layout (a directory, or a
 * tar of one, packed or not), an image as `docker save` writes it, an archive inside an archive (`pod.tar/client`), or whatever comes from standard input for `-`.
 * @throws CodedError as `Checkpoint` does; the system's own error when `path` cannot be opened.
 */
export async function openCheckpoint(path: string, options: OpenOptions = {}): Promise<Checkpoint> {
  const { limits = defaultLimits, signal } = options;
  if (path === '-') return fromSource(await openInput(path, options), 'standard input', options);
  const inner = innerPath(path);
  if (inner) {
    let opened = await openCheckpoint(inner.file, options);
    for (const [at, name] of inner.inside.entries()) {
      const origin = [inner.file, ...inner.inside.slice(0, at + 1)].join('/');
      opened = await openInner(opened, name, (source) => fromSource(source, origin, options), signal);
    }
    return opened;
  }
  if (!statSync(path).isDirectory()) {
    return fromSource(await openFileSource(path, options), path, options);
  }
  const { directoryCheckpoint } = await import('./directory-checkpoint.ts');
  const directory = directoryCheckpoint(path, limits);
  if (!statSync(join(path, layoutFile), { throwIfNoEntry: false })?.isFile()) return directory;
  const { openImage } = await import('./open-image.ts');
  return openImage(directory, 'oci', imageOptions(options));
}

async function fromSource(source: ByteSource, origin: string, options: OpenOptions): Promise<Checkpoint> {
  const { limits = defaultLimits, signal } = options;
  const within = { origin, limits, signal, codec: codecFor(options) };
  const archive = await openArchive(source, { ...within, refuseLayout: true });
  try {
    if (archive.sequential) return await fromStream(archive, () => openArchive(source, within), options);
    if (!(await archive.find(layoutFile, signal)) && !(await archive.find(dockerManifestFile, signal)))
      return archive;
    const { imageKind, openImage } = await import('./open-image.ts');
    const kind = await imageKind(archive, signal);
    return kind ? await openImage(archive, kind, imageOptions(options)) : archive;
  } catch (error) {
    await archive.close();
    throw error;
  }
}

/**
 * An archive that streams by may hold an image, whose mark may be its last file: where the first is a checkpoint's it
 * holds none, and a mark that comes nevertheless is refused.
 */
async function fromStream(
  archive: Checkpoint,
  reopen: () => Promise<Checkpoint>,
  options: OpenOptions,
): Promise<Checkpoint> {
  const { signal } = options;
  const first = await firstFile(archive, signal);
  if (first === undefined || isMemberName(first)) return archive;
  const { beginsImage, imageKind, openPackedImage } = await import('./open-image.ts');
  const other = await reopen();
  if (!beginsImage(first) && !(await imageKind(other, signal))) return other;
  return openPackedImage(other, imageOptions(options));
}

async function firstFile(archive: Checkpoint, signal?: AbortSignal): Promise<string | undefined> {
  for await (const { member } of archive.stream(signal)) return member.name;
  return undefined;
}

function imageOptions(options: OpenOptions): ImageOptions {
  const { limits, signal, image } = options;
  return { codec: codecFor(options), limits, signal, image };
}

function codecFor({ blocking }: OpenOptions): Codec {
  return blocking ? blockingCodec : lateCodec;
}

/** The bytes at `path`, or of standard input for `-`. @throws as {@link openCheckpoint} does */
export function openInput(path: string, options: OpenOptions = {}): Promise<ByteSource> {
  const { limits = defaultLimits, signal } = options;
  return path === '-' ? standardInput(limits, signal) : openFileSource(path, options);
}

/** Standard input at random: the file itself where it is one, else what comes through the pipe. */
async function standardInput(limits: ArchiveLimits, signal?: AbortSignal): Promise<ByteSource> {
  if (fstatSync(0).isFile()) return openFileSource('/dev/stdin');
  const { spool } = await import('./spool.ts');
  return spool(process.stdin, { origin: 'standard input', limit: limits.totalBytes, signal });
}
