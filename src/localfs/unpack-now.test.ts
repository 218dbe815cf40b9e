import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import type { Compression } from '../archive/compression.ts';
import { isCoded, messageOf } from '../errors/coded-error.ts';
import { codec } from './codec.ts';
import { blockingCodec } from './late-codec.ts';
import { unpackNow } from './unpack-now.ts';

/** Text, zeros and noise, in sizes around those of the pieces. */
function content(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = size | 1;
  for (let at = 0; at < size; at++) {
    state = Math.imul(state, 1664525) + 1013904223;
    bytes[at] = at % 3000 < 1000 ? 0 : at % 3000 < 2000 ? 0x61 + (at % 7) : state >>> 24;
  }
  return bytes;
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unpacked(
  compression: Compression,
  bytes: Uint8Array,
  size = 1 << 16,
  from = blockingCodec,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of from.decompress(compression, inPieces(bytes, size))) pieces.push(piece);
  return Buffer.concat(pieces);
}

const withSum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
const pack = {
  gzip: (bytes: Uint8Array) => gzipSync(bytes),
  zstd: (bytes: Uint8Array) => zstdCompressSync(bytes, withSum),
};

for (const compression of ['gzip', 'zstd'] as const) {
  const packed = (size: number): Buffer => pack[compression](content(size));

  test(`unpackNow can be called for ${compression} on this platform`, async () => {
    const found = unpackNow(compression, inPieces(packed(10), 100));
    assert.deepEqual((await found?.next())?.value, content(10));
    await found?.return(undefined);
  });

  test(`blockingCodec unpacks ${compression} as the other codec does, several frames among it`, async () => {
    for (const size of [0, 1, 131_071, 131_072, 131_073, 1_000_000]) {
      const once = packed(size);
      const plain = content(size);
      for (const piece of [7919, once.length, 1 << 20])
        assert.ok((await unpacked(compression, once, piece)).equals(plain), `${size}`);
      const twice = Buffer.concat([once, once]);
      for (const piece of [once.length, 1 << 16]) {
        const expected = await unpacked(compression, twice, piece, codec);
        assert.ok((await unpacked(compression, twice, piece)).equals(expected), `${size} twice`);
        assert.equal(expected.length, 2 * size);
      }
    }
  });

  test(`blockingCodec + ${compression}: pieces given before stay as they were`, async () => {
    const held: Uint8Array[] = [];
    for await (const piece of blockingCodec.decompress(compression, inPieces(packed(600_000), 5000)))
      held.push(piece);
    assert.ok(Buffer.concat(held).equals(content(600_000)) && held.length > 3);
  });

  test(`blockingCodec + ${compression}: lent pieces are right until the next one, and in the same memory`, async () => {
    const memory = new Set<ArrayBufferLike>();
    const copied: Uint8Array[] = [];
    const pieces = inPieces(packed(600_000), 5000);
    for await (const piece of blockingCodec.decompress(compression, pieces, undefined, true)) {
      memory.add(piece.buffer);
      copied.push(new Uint8Array(piece));
    }
    assert.ok(Buffer.concat(copied).equals(content(600_000)) && copied.length > 3);
    assert.equal(memory.size, 1);
  });

  test(`blockingCodec refuses ${compression} that is damaged or cut off`, async () => {
    const whole = packed(300_000);
    const corrupt = (error: unknown): boolean => isCoded(error, 'corrupt');
    const places = [...Array(Math.ceil(whole.length / 1999)).keys()].map((i) => 20 + i * 1999);
    for (const at of [...places, whole.length - 8, whole.length - 5, whole.length - 1]) {
      if (at >= whole.length) continue;
      await assert.rejects(unpacked(compression, whole.subarray(0, at)), corrupt, `cut off at ${at}`);
      const altered = Buffer.from(whole);
      altered[at] = (altered[at] ?? 0) ^ 0x10;
      await assert.rejects(unpacked(compression, altered), corrupt, `altered at ${at}`);
    }
  });

  test(`blockingCodec + ${compression}: what the source throws comes through, and a signal ends it`, async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield packed(500_000).subarray(0, 60_000);
      throw new Error('the disk is on fire');
    }
    const read = async (pieces: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> => {
      for await (const piece of blockingCodec.decompress(compression, pieces, signal))
        assert.ok(piece.length > 0);
    };
    await assert.rejects(read(broken()), /the disk is on fire/);
    const controller = new AbortController();
    setImmediate(() => controller.abort());
    const large = pack[compression](Buffer.alloc(64 << 20));
    await assert.rejects(read(inPieces(large, 1 << 16), controller.signal), { name: 'AbortError' });
  });
}

test('blockingCodec + gzip: what stands behind the last member is taken as the other codec takes it', async () => {
  const one = gzipSync(content(150_000));
  const outcome = (bytes: Uint8Array, piece: number, from = codec): Promise<string> =>
    unpacked('gzip', bytes, piece, from).then((all) => `${all.length} bytes`, messageOf);
  const found = new Set<string>();
  for (const tail of [
    Buffer.alloc(1),
    Buffer.alloc(300_000),
    Buffer.concat([Buffer.alloc(512), one]),
    Buffer.from('x'),
    Buffer.from('something else'),
    one.subarray(0, 1),
    one.subarray(0, 12),
    one.subarray(0, -1),
  ]) {
    const bytes = Buffer.concat([one, tail]);
    for (const piece of [1000, one.length, 1 << 20]) {
      const expected = await outcome(bytes, piece);
      assert.equal(await outcome(bytes, piece, blockingCodec), expected, `${tail.length} in ${piece}`);
      found.add(expected);
    }
  }
  assert.ok(found.size === 3 && found.has('150000 bytes'), [...found].join('; '));
});
