import { strictTextOf } from '../bytes/text.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';

/** Media types of the OCI image specification, and Docker's for the same things. */
export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
} as const;

export type Annotations = Readonly<Record<string, string>>;

/** What points to a blob. */
export interface Descriptor {
  mediaType: string;
  /** `sha256:` and 64 hexadecimal digits. */
  digest: string;
  size: number;
  annotations?: Annotations;
  platform?: { architecture: string; os: string };
}

export interface ImageIndex {
  schemaVersion: 2;
  mediaType: string;
  manifests: readonly Descriptor[];
  annotations?: Annotations;
}

export interface ImageManifest {
  schemaVersion: 2;
  mediaType: string;
  config: Descriptor;
  layers: readonly Descriptor[];
  annotations?: Annotations;
}

/** The most bytes of an index, a manifest or a configuration that are read. */
export const documentLimit = 4 << 20;

type Fields = Record<string, unknown>;

/** @throws CodedError `corrupt` when the bytes are no JSON object. */
function parseObject(bytes: Uint8Array, what: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(strictTextOf(bytes) ?? '');
  } catch (error) {
    throw new CodedError('corrupt', `the ${what} is not JSON: ${messageOf(error)}`, { cause: error });
  }
  if (isObject(value)) return value;
  throw new CodedError('corrupt', `the ${what} is not a JSON object`);
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws CodedError `corrupt` when the bytes are no image index. */
export function parseIndex(bytes: Uint8Array): ImageIndex {
  const { manifests, annotations } = parseObject(bytes, 'image index');
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: descriptors(manifests, 'image index'),
    annotations: annotationsOf(annotations),
  };
}

/** @throws CodedError `corrupt` when the bytes are no image manifest. */
export function parseManifest(bytes: Uint8Array): ImageManifest {
  const { config, layers, annotations } = parseObject(bytes, 'image manifest');
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptor(config, 'image manifest'),
    layers: descriptors(layers, 'image manifest'),
    annotations: annotationsOf(annotations),
  };
}

function descriptors(value: unknown, where: string): Descriptor[] {
  if (!Array.isArray(value)) throw new CodedError('corrupt', `the ${where} lists nothing`);
  return value.map((one) => descriptor(one, where));
}

function descriptor(value: unknown, where: string): Descriptor {
  const { mediaType, digest, size, annotations } = isObject(value) ? value : {};
  const sized = typeof size === 'number' && Number.isSafeInteger(size) && size >= 0;
  if (typeof digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(digest) || !sized) {
    throw new CodedError('corrupt', `the ${where} has an entry without a usable digest and size`);
  }
  return {
    mediaType: typeof mediaType === 'string' ? mediaType : '',
    digest,
    size,
    annotations: annotationsOf(annotations),
  };
}

function annotationsOf(value: unknown): Annotations {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
