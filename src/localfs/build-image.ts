import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sniffPacking } from '../archive/compression.ts';
import { type ArchiveLimits, defaultLimits } from '../archive/limits.ts';
import { writeTar } from '../archive/tar-writer.ts';
import { type ByteSource, readChunks } from '../bytes/byte-source.ts';
import { readArchitecture } from '../checkpoint/architecture.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openArchive } from '../checkpoint/from-archive.ts';
import { identityMembers, readIdentity } from '../checkpoint/identity.ts';
import { memberNames } from '../checkpoint/layout.ts';
import { type CaptureFacts, decodeManifest } from '../checkpoint/manifest.ts';
import { validateMembers } from '../checkpoint/validate.ts';
import { CodedError } from '../errors/coded-error.ts';
import { checkpointAnnotations } from '../oci/checkpoint-annotations.ts';
import { type Annotations, mediaTypes } from '../oci/descriptor.ts';
import { imageLayoutFiles, type LayerBlob, type LayoutFile } from '../oci/image-layout.ts';
import { blobName } from '../oci/layout-names.ts';
import { fullReference } from '../oci/reference.ts';
import { AtomicFile, privateDirectory, writeFileAtomic } from './atomic-file.ts';
import { codec } from './codec.ts';
import { makeDirectories } from './make-directories.ts';
import { openInput } from './open-checkpoint.ts';
import { sha256, sha256Of } from './sha256.ts';

export interface BuildOptions {
  /** A checkpoint archive, `-` for standard input; it becomes the layer byte by byte, compressed or not. */
  checkpoint: string;
  /** The name of the image; completed as Podman does. */
  image: string;
  /** Where to write it. */
  target: { kind: 'directory' | 'archive'; path: string };
  limits?: ArchiveLimits;
  signal?: AbortSignal | undefined;
  /** Called with the bytes of the checkpoint read so far, and all that will be read. */
  onProgress?: (done: number, total: number) => void;
}

export interface BuiltImage {
  reference: string;
  /** Of the manifest. */
  digest: string;
  /** The eight that checkpointctl writes, in its order. */
  basic: Annotations;
  annotations: Annotations;
}

/**
 * Makes an OCI image of a checkpoint archive without any other program. The same archive and name give the same
 * image. An archive as target appears when it is complete; of a directory, `index.json` is written last.
 * @throws CodedError `corrupt` when the archive is damaged or its members are dangerous to unpack,
 *   `already-exists` when the target directory holds something.
 */
export async function buildImage(options: BuildOptions): Promise<BuiltImage> {
  const { signal, target } = options;
  const { files, close, ...built } = await openImage(options);
  try {
    if (target.kind === 'archive') await writeImageArchive(target.path, files, signal);
    else await writeImageDirectory(target.path, files, signal);
    return built;
  } finally {
    await close();
  }
}

/** An image that is still to be written somewhere; its layer is read from the archive, which `close` lets go. */
export interface OpenedImage extends BuiltImage {
  /** Of an OCI image layout. */
  files: readonly LayoutFile[];
  close(): Promise<void>;
}

/** The image of {@link buildImage} before it is written. */
export async function openImage(options: Omit<BuildOptions, 'target'>): Promise<OpenedImage> {
  const { checkpoint: path, limits = defaultLimits, signal } = options;
  const reference = fullReference(options.image);
  const source = await openInput(path, { limits, signal });
  try {
    const checkpoint = await openArchive(unclosed(source), { origin: path, codec, limits, signal });
    const { basic, annotations, ...facts } = await describe(checkpoint, signal);
    const layer = await layerOf(source, options);
    const image = { ...facts, annotations, layer, reference, createdBy: 'stasis build' };
    const files = imageLayoutFiles(image, sha256Of);
    const manifest = files[2]?.name.split('/').at(-1) ?? '';
    const digest = `sha256:${manifest}`;
    return { reference, digest, basic, annotations, files, close: () => source.close() };
  } catch (error) {
    await source.close();
    throw error;
  }
}

function unclosed(source: ByteSource): ByteSource {
  return {
    size: source.size,
    read: (offset, length, signal) => source.read(offset, length, signal),
    async close() {},
  };
}

interface Facts {
  architecture: string;
  created: string;
  basic: Annotations;
  annotations: Annotations;
}

async function describe(checkpoint: Checkpoint, signal?: AbortSignal): Promise<Facts> {
  let core = '';
  await checkpoint.prepare(
    {
      names: [...identityMembers, memberNames.manifest],
      keep({ name }) {
        if (core !== '' || !/^checkpoint\/core-\d+\.img$/.test(name)) return undefined;
        core = name;
        return 'all';
      },
    },
    signal,
  );
  const [danger] = validateMembers((await checkpoint.members(signal)).raw).filter(
    ({ severity }) => severity === 'error',
  );
  if (danger) {
    throw new CodedError(
      'corrupt',
      `${checkpoint.origin}: ${JSON.stringify(danger.name)}: ${danger.detail}; no image is made of it`,
    );
  }
  const identity = await readIdentity(checkpoint, signal);
  const recorded = (await checkpoint.find(memberNames.manifest, signal))
    ? decodeManifest(await checkpoint.read(memberNames.manifest, { signal })).capture
    : ({} satisfies CaptureFacts);
  const { basic, all } = checkpointAnnotations(identity, recorded);
  const created = identity.checkpointed ?? (identity.created || '1970-01-01T00:00:00Z');
  const architecture = await readArchitecture(checkpoint, signal);
  const annotations = { ...all, 'org.opencontainers.image.created': created };
  return { architecture, created, basic, annotations };
}

const layerTypes = {
  none: mediaTypes.layer,
  gzip: mediaTypes.layerGzip,
  zstd: mediaTypes.layerZstd,
} as const;

type LayerOptions = Pick<BuildOptions, 'signal' | 'onProgress' | 'limits'>;

/** The archive as a layer: what it is, and its digests with and without compression, in one pass. */
async function layerOf(source: ByteSource, { signal, onProgress, limits }: LayerOptions): Promise<LayerBlob> {
  const packing = sniffPacking(await source.read(0, Math.min(6, source.size)));
  if (packing !== 'none' && packing !== 'gzip' && packing !== 'zstd') throw new TypeError(packing);
  const stored = sha256();
  const plain = sha256();
  let done = 0;
  async function* pieces() {
    for await (const piece of readChunks(source, 1 << 20, signal)) {
      stored.update(piece);
      done += piece.length;
      onProgress?.(done, source.size);
      yield piece;
    }
  }
  let unpacked = 0;
  for await (const piece of packing === 'none' ? pieces() : codec.decompress(packing, pieces(), signal)) {
    unpacked += piece.length;
    if (unpacked > (limits ?? defaultLimits).totalBytes) {
      throw new CodedError('resource-exhausted', `the archive unpacks to more than ${unpacked} bytes`);
    }
    plain.update(piece);
  }
  const digest = `sha256:${stored.digest()}`;
  return {
    mediaType: layerTypes[packing],
    digest,
    size: source.size,
    diffId: packing === 'none' ? digest : `sha256:${plain.digest()}`,
    content: source,
  };
}

async function writeImageArchive(path: string, files: readonly LayoutFile[], signal?: AbortSignal) {
  const file = await AtomicFile.create(path);
  try {
    for await (const piece of writeTar(files, { signal })) await file.write(piece);
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.commit();
}

async function writeImageDirectory(path: string, files: readonly LayoutFile[], signal?: AbortSignal) {
  const first = await makeDirectories(path, privateDirectory);
  if ((await readdir(path)).length > 0) {
    throw new CodedError('already-exists', `${path} is not empty`, { hint: 'name a new directory' });
  }
  try {
    await makeDirectories(join(path, dirname(blobName('sha256:x'))), privateDirectory);
    // What points to the others comes last.
    for (const { name, content } of files.toReversed()) {
      if (content instanceof Uint8Array) await writeFileAtomic(join(path, name), content);
      else await copyTo(join(path, name), content, signal);
    }
  } catch (error) {
    if (first) await rm(first, { recursive: true, force: true });
    throw error;
  }
}

async function copyTo(path: string, content: ByteSource, signal?: AbortSignal): Promise<void> {
  const file = await AtomicFile.create(path);
  try {
    for await (const piece of readChunks(content, 1 << 20, signal)) await file.write(piece);
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.commit();
}
