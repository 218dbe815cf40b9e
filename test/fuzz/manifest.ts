import { utf8 } from '../../src/bytes/text.ts';
import { compareManifest, decodeManifest, encodeManifest } from '../../src/checkpoint/manifest.ts';

export async function target(bytes: Uint8Array): Promise<void> {
  const manifest = decodeManifest(bytes);
  compareManifest(manifest, new Map());
  decodeManifest(encodeManifest(manifest));
}

export async function seeds(): Promise<Uint8Array[]> {
  const sha256 = '0123456789abcdef'.repeat(4);
  const members = ['config.dump', 'checkpoint/pages-1.img'].map((name, size) => ({ name, size, sha256 }));
  return [encodeManifest({ version: 1, members, capture: { criu: '4.2.1' } }), utf8('{"version":2}')];
}
