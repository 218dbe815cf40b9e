import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { resolveLimits } from '../../src/archive/limits.ts';
import { bytesSource } from '../../src/bytes/byte-source.ts';
import { utf8 } from '../../src/bytes/text.ts';
import { tarCheckpoint } from '../../src/checkpoint/from-tar.ts';
import { imageLayers } from '../../src/oci/checkpoint-layer.ts';
import { parseIndex, parseManifest } from '../../src/oci/descriptor.ts';

const limits = resolveLimits({ members: 1000 });

/** A layout as a tar, or one of its documents alone. */
export async function target(bytes: Uint8Array): Promise<void> {
  if (bytes[0] === 0x7b) {
    if (bytes.length % 2) parseIndex(bytes);
    else parseManifest(bytes);
    return;
  }
  const { layers, open } = await imageLayers(tarCheckpoint(bytesSource(bytes), { origin: 'fuzz', limits }));
  for (const layer of layers) await open(layer);
}

export async function seeds(): Promise<Uint8Array[]> {
  const folder = join(import.meta.dirname, '../../fixtures/archives');
  const digest = `sha256:${'0'.repeat(64)}`;
  const one = { mediaType: 'm', digest, size: 1, annotations: { a: 'b' } };
  return [
    readFileSync(join(folder, 'podman-5.8.6-create-image.oci.tar')),
    utf8(JSON.stringify({ schemaVersion: 2, manifests: [one] })),
    utf8(JSON.stringify({ schemaVersion: 2, config: one, layers: [one] })),
  ];
}
