import type { ByteSource } from '../bytes/byte-source.ts';
import { utf8 } from '../bytes/text.ts';
import { type Annotations, type Descriptor, mediaTypes } from './descriptor.ts';
import { blobName, indexFile, layoutFile } from './layout-names.ts';

/** The one layer of an image: a tar, packed or not. */
export interface LayerBlob {
  mediaType: string;
  /** Of the blob as it is stored: `sha256:…`. */
  digest: string;
  size: number;
  /** Of the tar without compression: `sha256:…`. */
  diffId: string;
  content: ByteSource;
}

export interface NewImage {
  layer: LayerBlob;
  /** Full name with a tag. */
  reference: string;
  /** As Go names it: `amd64`. */
  architecture: string;
  /** RFC 3339. */
  created: string;
  annotations: Annotations;
  /** What made the layer, for the history. */
  createdBy: string;
}

export interface LayoutFile {
  name: string;
  content: Uint8Array | ByteSource;
}

/** SHA-256 of bytes in hexadecimal digits; injected, because the formats run where there is no Node. */
export type Sha256 = (bytes: Uint8Array) => string;

/**
 * The files of an OCI image layout with one image of one layer. The annotations stand on the manifest and on
 * the index: containerd looks at whatever its name for the image points to, the others at the manifest.
 */
export function imageLayoutFiles(image: NewImage, sha256: Sha256): LayoutFile[] {
  const { layer, annotations, architecture, created, reference } = image;
  const blob = (mediaType: string, value: unknown): Descriptor & { bytes: Uint8Array } => {
    const bytes = utf8(JSON.stringify(value));
    return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length, bytes };
  };
  const config = blob(mediaTypes.config, {
    created,
    architecture,
    os: 'linux',
    config: { WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: [layer.diffId] },
    history: [{ created, created_by: image.createdBy }],
  });
  const manifest = blob(mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: plain(config),
    layers: [plain(layer)],
    annotations,
  });
  const names = {
    'io.containerd.image.name': reference,
    'org.opencontainers.image.ref.name': reference,
  };
  const pointer = { ...plain(manifest), platform: { architecture, os: 'linux' }, annotations: names };
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [pointer], annotations };
  return [
    { name: layoutFile, content: utf8('{"imageLayoutVersion":"1.0.0"}') },
    { name: indexFile, content: utf8(JSON.stringify(index)) },
    { name: blobName(manifest.digest), content: manifest.bytes },
    { name: blobName(config.digest), content: config.bytes },
    { name: blobName(layer.digest), content: layer.content },
  ];
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
