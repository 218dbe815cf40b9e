import type { ByteSource } from '../bytes/byte-source.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { CodedError } from '../errors/coded-error.ts';
import {
  type Annotations,
  type Descriptor,
  documentLimit,
  type ImageManifest,
  mediaTypes,
  parseIndex,
  parseManifest,
} from './descriptor.ts';
import { blobName, indexFile } from './layout-names.ts';

/** The layers of an image that holds a checkpoint. */
export interface CheckpointLayers {
  manifest: ImageManifest;
  /** The lowest first. */
  layers: readonly Descriptor[];
  /** Of the manifest, and of what points to it. */
  annotations: Annotations;
  open(layer: Descriptor, signal?: AbortSignal): Promise<ByteSource>;
}

/** As many layers as container engines put on top of each other. */
const maxLayers = 127;

/** How deep indexes may point to indexes. */
const maxDepth = 4;

/**
 * Finds the checkpoint in an OCI image layout. Digests are not compared here; who restores from it does.
 * @param layout the layout, opened like a checkpoint: by the names of its files.
 * @param image the reference name of the image, needed where the layout holds several.
 * @throws CodedError `corrupt` when the layout does not hold together, `not-found` when it lacks the image,
 *   `unsupported` when the image has no layers or too many, or layers that are no archives.
 */
export async function imageLayers(
  layout: Checkpoint,
  image?: string,
  signal?: AbortSignal,
): Promise<CheckpointLayers> {
  const index = parseIndex(await layout.read(indexFile, { limit: documentLimit, signal }));
  const pointer = choose(layout.origin, index.manifests, image);
  const { manifest, annotations } = await resolve(layout, pointer, 0, signal);
  const { layers } = manifest;
  checkLayerCount(layout.origin, layers.length);
  const other = layers.find(
    ({ mediaType }) => mediaType !== '' && !/\.tar([.+](gzip|zstd))?$/.test(mediaType),
  );
  if (other)
    throw refuse(layout.origin, `a layer is ${JSON.stringify(other.mediaType)}, which is not read here`);
  return {
    manifest,
    layers,
    annotations: { ...index.annotations, ...annotations },
    open: (layer, again) => openBlob(layout, layer, again),
  };
}

/** @throws CodedError `unsupported` for an image without layers, or with more than engines put on each other. */
export function checkLayerCount(origin: string, count: number): void {
  if (count === 0 || count > maxLayers) throw refuse(origin, `the image has ${count} layers`);
}

function refuse(origin: string, found: string): CodedError {
  return new CodedError('unsupported', `${origin}: ${found}`, { hint: 'a checkpoint image has one layer' });
}

function choose(origin: string, images: readonly Descriptor[], image: string | undefined): Descriptor {
  const found = image === undefined ? images : images.filter((one) => isNamed(one, image));
  const [first, ...more] = found;
  if (first && more.length === 0) return first;
  const names = images.map((one) => referenceName(one) ?? one.digest).join(', ');
  if (!first) {
    throw new CodedError(
      'not-found',
      `${origin} has no image ${image ?? ''}; it has ${names || 'none at all'}`,
    );
  }
  throw new CodedError('invalid-argument', `${origin} has several images: ${names}`, {
    hint: 'say which one',
  });
}

function isNamed(one: Descriptor, image: string): boolean {
  return one.digest === image || Object.values(one.annotations ?? {}).includes(image);
}

function referenceName({ annotations = {} }: Descriptor): string | undefined {
  return annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name'];
}

async function resolve(
  layout: Checkpoint,
  pointer: Descriptor,
  depth: number,
  signal?: AbortSignal,
): Promise<{ manifest: ImageManifest; annotations: Annotations }> {
  const blob = await openBlob(layout, pointer, signal);
  if (blob.size > documentLimit) {
    throw new CodedError('resource-exhausted', `${layout.origin}: a manifest of ${blob.size} bytes`);
  }
  const bytes = await blob.read(0, blob.size, signal);
  await blob.close();
  if (pointer.mediaType !== mediaTypes.index && pointer.mediaType !== mediaTypes.dockerIndex) {
    const manifest = parseManifest(bytes);
    return { manifest, annotations: { ...pointer.annotations, ...manifest.annotations } };
  }
  if (depth >= maxDepth) throw new CodedError('corrupt', `${layout.origin}: its indexes go in circles`);
  const inner = parseIndex(bytes);
  const next = choose(layout.origin, inner.manifests, undefined);
  const { manifest, annotations } = await resolve(layout, next, depth + 1, signal);
  return { manifest, annotations: { ...pointer.annotations, ...inner.annotations, ...annotations } };
}

async function openBlob(layout: Checkpoint, { digest, size }: Descriptor, signal?: AbortSignal) {
  const blob = await layout.open(blobName(digest), signal);
  if (blob.size === size) return blob;
  await blob.close();
  throw new CodedError(
    'corrupt',
    `${layout.origin}: blob ${digest} has ${blob.size} bytes where ${size} were announced`,
  );
}
