import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type NewMember, writeTar } from '../archive/tar-writer.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import { utf8 } from '../bytes/text.ts';
import { isCoded } from '../errors/coded-error.ts';
import { codec } from '../localfs/codec.ts';
import { sha256 } from '../localfs/sha256.ts';
import { openArchive } from './from-archive.ts';
import { withManifest } from './manifest.ts';
import { requireIntact, verifyDigests } from './verify-digests.ts';

const members: NewMember[] = [
  { name: 'config.dump', content: utf8('{}') },
  { name: 'checkpoint/pages-1.img', content: new Uint8Array(100_000).fill(7) },
];

async function archive(): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(withManifest(members, {}, sha256))) pieces.push(piece);
  return concat(pieces);
}

function open(bytes: Uint8Array) {
  return openArchive(bytesSource(bytes), { origin: 'a.tar', codec });
}

test('verifyDigests + an archive as it was captured, plain and compressed', async () => {
  const tar = await archive();
  for (const bytes of [tar, gzipSync(tar)]) {
    const seen: number[] = [];
    const checkpoint = await open(bytes);
    const report = await requireIntact(checkpoint, sha256, { onProgress: (count) => seen.push(count) });
    assert.deepEqual(report.problems, []);
    assert.equal(report.manifest?.members.length, 2);
    assert.equal(seen.at(-1), report.bytes);
  }
});

test('requireIntact + any flipped bit of content is refused', async () => {
  const tar = await archive();
  for (const at of [512, 513, 1024 + 512, 1024 + 512 + 50_000, 1024 + 512 + 99_999]) {
    const bad = tar.slice();
    bad[at] = (bad[at] ?? 0) ^ 4;
    await assert.rejects(
      open(bad).then((checkpoint) => requireIntact(checkpoint, sha256)),
      (error) => isCoded(error, 'corrupt') && /not as it was captured/.test(error.message),
      `${at}`,
    );
  }
});

test('verifyDigests + without a manifest nothing is claimed', async () => {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(members)) pieces.push(piece);
  const report = await verifyDigests(await open(concat(pieces)), sha256);
  assert.equal(report.manifest, undefined);
  assert.deepEqual(report.problems, []);
});
