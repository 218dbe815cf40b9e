import assert from 'node:assert/strict';
import { encodeCrit } from '../../src/criu/crit-encode.ts';
import { critText } from '../../src/criu/crit-json.ts';
import { encodeImage } from '../../src/criu/encode.ts';
import { decodeImage } from '../../src/criu/image.ts';
import { decodePagemap } from '../../src/criu/pagemap.ts';
import { imageFiles, openFixture, plainArchives } from '../fixture-archives.ts';

/** Whatever can be decoded is written again byte for byte, and its JSON can be read. */
export async function target(bytes: Uint8Array): Promise<void> {
  const image = decodeImage(bytes, 'fuzz', { maxEntries: 10_000 });
  assert.deepEqual(encodeImage(image), Uint8Array.from(bytes));
  const text = critText(image, { pretty: bytes.length % 2 === 0 });
  encodeCrit(text);
  if (image.kind.name !== 'PAGEMAP') return;
  const pagemap = decodePagemap(bytes);
  assert.equal(pagemap.length, image.entries.length - 1);
}

export async function seeds(): Promise<Uint8Array[]> {
  const found = new Map<string, Uint8Array>();
  for (const name of plainArchives) {
    const checkpoint = await openFixture(name);
    for await (const [file, bytes] of imageFiles(checkpoint)) {
      const kind = file.replace(/[0-9a-f]+\.img$/, '');
      if (bytes.length < 4000 && !found.has(kind)) found.set(kind, bytes);
    }
    await checkpoint.close();
  }
  return [...found.values()];
}
