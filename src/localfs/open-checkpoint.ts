import { fstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type ArchiveLimits, defaultLimits } from '../archive/limits.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openArchive } from '../checkpoint/from-archive.ts';
import { layoutFile } from '../oci/layout-names.ts';
import { type FileSourceOptions, openFileSource } from './file-source.ts';
import { lateCodec as codec } from './late-codec.ts';

export interface OpenOptions extends FileSourceOptions {
  limits?: ArchiveLimits;
  signal?: AbortSignal | undefined;
  /** Which image of an OCI layout, by its reference name; needed only where there are several. */
  image?: string | undefined;
}

/**
 * The checkpoint at `path`: an archive (plain, gzip, zstd), a directory, an OCI image layout (a directory, or a
 * tar of one), or whatever comes from standard input for `-`.
 * @throws CodedError as `Checkpoint` does; the system's own error when `path` cannot be opened.
 */
export async function openCheckpoint(path: string, options: OpenOptions = {}): Promise<Checkpoint> {
  const { limits = defaultLimits, signal } = options;
  if (path === '-') {
    return fromSource(await standardInput(limits, signal), 'standard input', options);
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
  const archive = await openArchive(source, { origin, codec, limits, signal });
  // The mark of an OCI layout is a member at the top; a compressed archive would have to be read through for it.
  if (archive.sequential) return archive;
  try {
    return (await archive.find(layoutFile, signal)) ? await fromImage(archive, options) : archive;
  } catch (error) {
    await archive.close();
    throw error;
  }
}

/** @param layout owned from here on: closed with what is returned. */
async function fromImage(layout: Checkpoint, { limits = defaultLimits, signal, image }: OpenOptions) {
  const { imageLayer } = await import('../oci/checkpoint-layer.ts');
  const layer = await imageLayer(layout, image, signal);
  const blob = await layer.open(signal);
  const source: ByteSource = {
    size: blob.size,
    read: (offset, length, again) => blob.read(offset, length, again),
    async close() {
      await blob.close();
      await layout.close();
    },
  };
  return openArchive(source, { origin: layout.origin, codec, limits, signal });
}

/** Standard input at random: the file itself where it is one, else what comes through the pipe. */
async function standardInput(limits: ArchiveLimits, signal?: AbortSignal): Promise<ByteSource> {
  if (fstatSync(0).isFile()) return openFileSource('/dev/stdin');
  const { spool } = await import('./spool.ts');
  return spool(process.stdin, { origin: 'standard input', limit: limits.totalBytes, signal });
}
