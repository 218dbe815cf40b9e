import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { type ByteSource, bytesSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import { utf8 } from '../bytes/text.ts';
import { isCoded } from '../errors/coded-error.ts';
import { codec } from '../localfs/codec.ts';
import { blockingCodec } from '../localfs/late-codec.ts';
import type { Compression } from './compression.ts';
import { framesSource } from './frames-source.ts';
import { writeFrames } from './frames-writer.ts';
import { readSeekTable } from './seek-table.ts';
import { indexTar, openEntry } from './tar-index.ts';
import { type TarMember, writeTar } from './tar-writer.ts';

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return concat(all);
}

/** Bytes that do not compress to nothing and are the same in every run. */
function noise(length: number): Uint8Array {
  const out = new Uint8Array(length);
  let state = 12345;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    out[i] = state >>> 24;
  }
  return out;
}

const pages = noise((5 << 20) + 777);
const members: TarMember[] = [
  { name: 'config.dump', content: utf8('{}') },
  { name: 'checkpoint/', type: 'directory' },
  { name: 'checkpoint/pages-1.img', content: pages },
  ...Array.from({ length: 50 }, (_, i) => ({ name: `checkpoint/core-${i}.img`, content: utf8(`core ${i}`) })),
  { name: 'checkpoint/pages-2.img', content: noise(300_000) },
];

const tools = { gzip: 'gzip', zstd: 'zstd' } as const;

for (const compression of ['gzip', 'zstd'] as const satisfies Compression[]) {
  test(`writeFrames + ${compression}: other programs unpack it to the same tar`, async () => {
    const packed = await collect(writeFrames(members, { compression, codec }));
    const plain = execFileSync(tools[compression], ['-dc'], { input: packed, maxBuffer: 1 << 26 });
    assert.ok(plain.equals(await collect(writeTar(members))));
  });

  test(`framesSource + ${compression}: members at random, without unpacking the pages`, async () => {
    const packed = await collect(writeFrames(members, { compression, codec }));
    let bytesRead = 0;
    const counted: ByteSource = {
      size: packed.length,
      async read(offset, length) {
        bytesRead += length;
        return packed.subarray(offset, offset + length);
      },
      async close() {},
    };
    const frames = await readSeekTable(compression, counted);
    assert.ok(frames);
    const source = framesSource(counted, compression, frames, codec);
    const index = await indexTar(source, { readAhead: 0 });
    assert.equal([...index.names()].length, 53);
    assert.ok(bytesRead < 200_000, `${bytesRead} of ${packed.length} bytes read`);
    const entry = index.content('checkpoint/pages-1.img');
    assert.ok(entry);
    const member = openEntry(source, entry);
    for (const [offset, length] of [
      [0, 10],
      [(1 << 20) - 5, 10],
      [pages.length - 3, 3],
      [12345, 3 << 20],
    ] as const) {
      const part = await member.read(offset, length);
      assert.ok(Buffer.from(part).equals(pages.subarray(offset, offset + length)));
    }
  });

  test(`readSeekTable + ${compression}: a damaged or foreign table is not used`, async () => {
    const packed = await collect(writeFrames(members.slice(0, 2), { compression, codec }));
    const original = await readSeekTable(compression, bytesSource(packed));
    assert.ok(original);
    const start = original.reduce((sum, { stored }) => sum + stored, 0);
    for (let at = start; at < packed.length; at++) {
      const bad = packed.slice();
      bad[at] = (bad[at] ?? 0) ^ 0x41;
      const frames = await readSeekTable(compression, bytesSource(bad));
      if (!frames) continue;
      // Only the sizes of what a frame unpacks to can be wrong unnoticed, and they show when it is unpacked.
      assert.deepEqual(
        frames.map(({ stored }) => stored),
        original.map(({ stored }) => stored),
      );
    }
    const plain = compression === 'gzip' ? gzipSync('x'.repeat(99)) : zstdCompressSync('x'.repeat(99));
    assert.equal(await readSeekTable(compression, bytesSource(plain)), undefined);
    assert.equal(await readSeekTable(compression, bytesSource(new Uint8Array(3))), undefined);
  });

  test(`decompress + ${compression}: several frames, and damage anywhere is told`, async () => {
    const pack = (text: string) => (compression === 'gzip' ? gzipSync(text) : zstdCompressSync(text));
    const two = concat([pack('first '), pack('second')]);
    const corrupt = (error: unknown): boolean => isCoded(error, 'corrupt');
    for (const [name, way] of Object.entries({ codec, blockingCodec })) {
      const unpack = (bytes: Uint8Array) => collect(way.decompress(compression, pieces(bytes, 5)));
      assert.equal(Buffer.from(await unpack(two)).toString(), 'first second', name);
      for (let length = 1; length < two.length; length++) {
        if (length === pack('first ').length) continue;
        await assert.rejects(unpack(two.subarray(0, length)), corrupt, `${name}: ${length}`);
      }
      await assert.rejects(unpack(concat([two, utf8('garbage')])), corrupt, name);
    }
  });
}

test('decompress + zstd: skippable frames anywhere, as pzstd and seekable files have them', async () => {
  const skip = Uint8Array.of(0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
  const data = concat([skip, zstdCompressSync('a'), skip, skip, zstdCompressSync('b'), skip]);
  for (const way of [codec, blockingCodec]) {
    for (const size of [1, 3, 1000])
      assert.equal(Buffer.from(await collect(way.decompress('zstd', pieces(data, size)))).toString(), 'ab');
  }
});

test('decompressFrame + a frame that unpacks to more than announced is stopped', async () => {
  const bomb = zstdCompressSync(Buffer.alloc(1 << 24));
  await assert.rejects(codec.decompressFrame('zstd', bomb, 1000), (error) => isCoded(error, 'corrupt'));
  await assert.rejects(codec.decompressFrame('gzip', gzipSync(Buffer.alloc(1 << 24)), 1000), (error) =>
    isCoded(error, 'corrupt'),
  );
});

test('writeFrames + the same members give the same bytes', async () => {
  const once = await collect(writeFrames(members, { compression: 'zstd', codec, parallel: 1 }));
  const again = await collect(writeFrames(members, { compression: 'zstd', codec, parallel: 4 }));
  assert.ok(Buffer.from(once).equals(again));
});

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
