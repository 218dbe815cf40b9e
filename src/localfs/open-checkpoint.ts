import { fstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Codec } from '../archive/compression.ts';
import { type ArchiveLimits, defaultLimits } from '../archive/limits.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openArchive } from '../checkpoint/from-archive.ts';
import { layoutFile } from '../oci/layout-names.ts';
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
 * tar of one), an archive inside an archive (`pod.tar/client`), or whatever comes from standard input for `-`.
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
  const archive = await openArchive(source, {
    ...{ origin, limits, signal, refuseLayout: true },
    codec: codecFor(options),
  });
  // The mark of an OCI layout is a member at the top; a compressed archive says so when it passes.
  if (archive.sequential) return archive;
  try {
    return (await archive.find(layoutFile, signal)) ? await fromImage(archive, options) : archive;
  } catch (error) {
    await archive.close();
    throw error;
  }
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
