import type { Codec } from '../archive/compression.ts';
import { type ArchiveLimits, defaultLimits } from '../archive/limits.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openArchive } from '../checkpoint/from-archive.ts';
import { memberNames } from '../checkpoint/layout.ts';
import { blobName, blobsFolder, dockerManifestFile, indexFile, layoutFile } from '../oci/layout-names.ts';

export interface ImageOptions {
  codec: Codec;
  limits?: ArchiveLimits | undefined;
  signal?: AbortSignal | undefined;
  /** Which image, by its reference name; needed only where there are several. */
  image?: string | undefined;
}

/** How an image lies in an archive: as an OCI layout, or as `docker save` writes it. */
export type ImageKind = 'oci' | 'docker';

/** Of the image in `archive`; undefined where it holds none. A stream is read to its end for it. */
export async function imageKind(archive: Checkpoint, signal?: AbortSignal): Promise<ImageKind | undefined> {
  if (await archive.find(layoutFile, signal)) return 'oci';
  if (!(await archive.find(dockerManifestFile, signal))) return undefined;
  return (await archive.find(memberNames.configDump, signal)) ? undefined : 'docker';
}

/** Whether a file of this name comes from an image, if it is the first of an archive. */
export function beginsImage(name: string): boolean {
  return [layoutFile, indexFile, dockerManifestFile].includes(name) || name.startsWith(blobsFolder);
}

/** The checkpoint in the image in an archive that streams by, or the archive where it holds no image. */
export async function openPackedImage(archive: Checkpoint, options: ImageOptions): Promise<Checkpoint> {
  const { limits = defaultLimits, signal } = options;
  // Blobs are reached at random: what fits is kept in memory, the rest streams by once more whenever it is read.
  const kept = new Set<string>();
  let bytes = 0;
  const keep = ({ name, size }: { name: string; size: number }) => {
    if (bytes + size > limits.keptBytes) return undefined;
    bytes += size;
    kept.add(name);
    return 'all' as const;
  };
  await archive.prepare({ keep }, signal);
  const kind = await imageKind(archive, signal);
  return kind ? openImage(archive, kind, options, (name) => !kept.has(name)) : archive;
}

/**
 * The checkpoint in an image.
 * @param archive owned from here on: closed with what is returned.
 * @param streams whether a member of the archive can only be read forwards.
 */
export async function openImage(
  archive: Checkpoint,
  kind: ImageKind,
  options: ImageOptions,
  streams: (name: string) => boolean = () => false,
): Promise<Checkpoint> {
  const { limits = defaultLimits, signal, codec } = options;
  const { origin } = archive;
  const blobs = await blobsOf(archive, kind, options);
  const close = (): Promise<void> => archive.close();
  const openLayer = async ({ name, open }: Blob, last: () => Promise<void>): Promise<Checkpoint> =>
    openArchive(closing(await open(), last), { origin, codec, limits, signal, forwards: streams(name) });
  const [only, ...more] = blobs;
  if (only && more.length === 0) return openLayer(only, close);
  const opened: Checkpoint[] = [];
  try {
    for (const blob of blobs) opened.push(await openLayer(blob, async () => {}));
  } catch (error) {
    for (const layer of opened) await layer.close();
    throw error;
  }
  const { layersCheckpoint } = await import('../checkpoint/from-layers.ts');
  const format = kind === 'oci' ? 'OCI image' : 'Docker image';
  return layersCheckpoint(opened, { origin, format, close });
}

/** A layer as it lies in the archive. */
interface Blob {
  name: string;
  open(): Promise<ByteSource>;
}

async function blobsOf(
  archive: Checkpoint,
  kind: ImageKind,
  { image, signal }: ImageOptions,
): Promise<Blob[]> {
  if (kind === 'docker') {
    const { dockerArchiveLayers } = await import('../oci/docker-archive.ts');
    const names = await dockerArchiveLayers(archive, image, signal);
    return names.map((name) => ({ name, open: () => archive.open(name, signal) }));
  }
  const { imageLayers } = await import('../oci/checkpoint-layer.ts');
  const { layers, open } = await imageLayers(archive, image, signal);
  return layers.map((layer) => ({ name: blobName(layer.digest), open: () => open(layer, signal) }));
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
