import { fstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Codec } from '../archive/compression.ts';
import { type ArchiveLimits, checkLimit, defaultLimits } from '../archive/limits.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openArchive } from '../checkpoint/from-archive.ts';
import { blobsFolder, indexFile, layoutFile } from '../oci/layout-names.ts';
import { type FileSourceOptions, openFileSource } from './file-source.ts';
import { innerPath, openInner } from './inner-archive.ts';
import { blockingCodec, lateCodec } from './late-codec.ts';

export interface OpenOptions extends FileSourceOptions {
  limits?: ArchiveLimits;
  signal?: AbortSignal | undefined;
  /** Which image of an OCI layout, by its reference name; needed only where there are several. */
  image?: string | undefined;
}

/**
 * The checkpoint at `path`: an archive (plain, gzip, zstd), a directory, an OCI image layout (a directory, or a
 * tar of one, packed or not), an archive inside an archive (`pod.tar/client`), or whatever comes from standard input for `-`.
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
  return fromImage(directory, options);
}

async function fromSource(source: ByteSource, origin: string, options: OpenOptions): Promise<Checkpoint> {
  const { limits = defaultLimits, signal } = options;
  const within = { origin, limits, signal, codec: codecFor(options) };
  const archive = await openArchive(source, { ...within, refuseLayout: true });
  try {
    if (archive.sequential) {
      if (!(await beginsAsLayout(archive, signal))) return archive;
      return await fromPackedImage(await openArchive(source, within), options);
    }
    return (await archive.find(layoutFile, signal)) ? await fromImage(archive, options) : archive;
  } catch (error) {
    await archive.close();
    throw error;
  }
}

/** Whether the first file is one of an OCI layout's: its mark may be the last. Where it is not, the mark is refused. */
async function beginsAsLayout(archive: Checkpoint, signal?: AbortSignal): Promise<boolean> {
  for await (const { member } of archive.stream(signal)) {
    return [layoutFile, indexFile].includes(member.name) || member.name.startsWith(blobsFolder);
  }
  return false;
}

/** Blobs are reached at random, so one pass keeps them all in memory. @throws CodedError `resource-exhausted` */
async function fromPackedImage(archive: Checkpoint, options: OpenOptions): Promise<Checkpoint> {
  const { limits = defaultLimits, signal } = options;
  let bytes = 0;
  const keep = ({ size }: { size: number }) => {
    bytes += size;
    checkLimit(
      limits,
      'keptBytes',
      bytes,
      `${archive.origin}, which begins as an OCI image layout and is packed as a whole`,
    );
    return 'all' as const;
  };
  await archive.prepare({ keep }, signal);
  return (await archive.find(layoutFile, signal)) ? fromImage(archive, options) : archive;
}

/** @param layout owned from here on: closed with what is returned. */
async function fromImage(layout: Checkpoint, options: OpenOptions) {
  const { limits = defaultLimits, signal, image } = options;
  const { imageLayers } = await import('../oci/checkpoint-layer.ts');
  const { layers, open } = await imageLayers(layout, image, signal);
  const within = { origin: layout.origin, codec: codecFor(options), limits, signal };
  const close = (): Promise<void> => layout.close();
  if (layers.length === 1 && layers[0])
    return openArchive(closing(await open(layers[0], signal), close), within);
  const opened: Checkpoint[] = [];
  try {
    for (const layer of layers) opened.push(await openArchive(await open(layer, signal), within));
  } catch (error) {
    for (const layer of opened) await layer.close();
    throw error;
  }
  const { layersCheckpoint } = await import('../checkpoint/from-layers.ts');
  return layersCheckpoint(opened, { origin: layout.origin, format: 'OCI image', close });
}

function codecFor({ blocking }: OpenOptions): Codec {
  return blocking ? blockingCodec : lateCodec;
}

function closing(source: ByteSource, close: () => Promise<void>): ByteSource {
  return {
    size: source.size,
    read: (offset, length, signal) => source.read(offset, length, signal),
    async close() {
      await source.close();
      await close();
    },
  };
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
