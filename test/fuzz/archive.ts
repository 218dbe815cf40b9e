import assert from 'node:assert/strict';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { writeFrames } from '../../src/archive/frames-writer.ts';
import { resolveLimits } from '../../src/archive/limits.ts';
import { type NewMember, writeTar } from '../../src/archive/tar-writer.ts';
import { bytesSource } from '../../src/bytes/byte-source.ts';
import { concat } from '../../src/bytes/concat.ts';
import { utf8 } from '../../src/bytes/text.ts';
import { openArchive } from '../../src/checkpoint/from-archive.ts';
import { readIdentity, readNetworks } from '../../src/checkpoint/identity.ts';
import { withManifest } from '../../src/checkpoint/manifest.ts';
import { verifyDigests } from '../../src/checkpoint/verify-digests.ts';
import { codec } from '../../src/localfs/codec.ts';
import { sha256 } from '../../src/localfs/sha256.ts';

const limits = resolveLimits({
  members: 1000,
  totalBytes: 1 << 24,
  keptBytes: 1 << 20,
  metadataBytes: 1 << 20,
});

const members: NewMember[] = [
  { name: 'config.dump', content: utf8('{"id":"1","name":"a","createdTime":"2026-11-21T01:03:23Z"}') },
  { name: 'spec.dump', content: utf8('{"annotations":{"io.container.manager":"libpod"}}') },
  { name: 'network.status', content: utf8('{"n":{"interfaces":{"eth0":{"subnets":[{"ipnet":"::1/64"}]}}}}') },
  { name: 'checkpoint/core-1.img', content: utf8('core') },
  { name: 'checkpoint/pages-1.img', content: new Uint8Array(300_000).map((_, i) => (i * i) >> 7) },
];

/** Opens it whatever way it is packed and does what the commands do; what verifies as intact must be intact. */
export async function target(bytes: Uint8Array): Promise<void> {
  const checkpoint = await openArchive(bytesSource(bytes), { origin: 'fuzz', codec, limits });
  try {
    const { manifest, problems } = await verifyDigests(checkpoint, sha256);
    await checkpoint.members();
    const identity = await readIdentity(checkpoint);
    if (manifest && problems.length === 0) assert.equal(identity.id, '1');
    await readNetworks(checkpoint);
    const pages = await checkpoint.open('checkpoint/pages-1.img');
    await pages.read(Math.floor(pages.size / 2), Math.min(10, pages.size >> 1));
    await pages.read(0, Math.min(10, pages.size));
    await pages.close();
  } finally {
    await checkpoint.close();
  }
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return concat(all);
}

export async function seeds(): Promise<Uint8Array[]> {
  const tar = await collect(writeTar(withManifest(members, { criu: '4.2.1' }, sha256)));
  return [
    tar,
    gzipSync(tar),
    zstdCompressSync(tar),
    await collect(writeFrames(members, { compression: 'gzip', codec })),
    await collect(writeFrames(members, { compression: 'zstd', codec })),
  ];
}
