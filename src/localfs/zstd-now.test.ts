import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import { isCoded } from '../errors/coded-error.ts';
import { codec } from './codec.ts';
import { blockingCodec } from './late-codec.ts';
import { unpackZstdNow } from './zstd-now.ts';

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

async function unpacked(bytes: Uint8Array, size = 1 << 16, from = blockingCodec): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of from.decompress('zstd', inPieces(bytes, size))) pieces.push(piece);
  return Buffer.concat(pieces);
}

const withSum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

test('unpackZstdNow can be called on this platform', async () => {
  const found = unpackZstdNow(inPieces(zstdCompressSync(content(10)), 100));
  assert.deepEqual((await found?.next())?.value, content(10));
  await found?.return(undefined);
});

test('blockingCodec unpacks what the other codec unpacks, several frames among it', async () => {
  for (const size of [0, 1, 131_071, 131_072, 131_073, 1_000_000]) {
    const plain = content(size);
    const packed = zstdCompressSync(plain, withSum);
    for (const piece of [7919, 1 << 20]) assert.ok((await unpacked(packed, piece)).equals(plain), `${size}`);
    const twice = Buffer.concat([packed, packed]);
    assert.ok((await unpacked(twice)).equals(await unpacked(twice, 1 << 16, codec)), `${size} twice`);
  }
});

test('blockingCodec: pieces given before stay as they were', async () => {
  const plain = content(600_000);
  const held: Uint8Array[] = [];
  for await (const piece of blockingCodec.decompress('zstd', inPieces(zstdCompressSync(plain), 5000)))
    held.push(piece);
  assert.ok(Buffer.concat(held).equals(plain) && held.length > 3);
});

test('blockingCodec: lent pieces are right until the next one, and in the same memory', async () => {
  const plain = content(600_000);
  const packed = zstdCompressSync(plain, withSum);
  const memory = new Set<ArrayBufferLike>();
  const copied: Uint8Array[] = [];
  for await (const piece of blockingCodec.decompress('zstd', inPieces(packed, 5000), undefined, true)) {
    memory.add(piece.buffer);
    copied.push(new Uint8Array(piece));
  }
  assert.ok(Buffer.concat(copied).equals(plain) && copied.length > 3);
  assert.equal(memory.size, 1);
});

test('blockingCodec refuses what is damaged or cut off', async () => {
  const packed = zstdCompressSync(content(300_000), withSum);
  for (let at = 20; at < packed.length; at += 1999) {
    const cut = packed.subarray(0, at);
    await assert.rejects(unpacked(cut), (error) => isCoded(error, 'corrupt'), `cut off at ${at}`);
    const altered = Buffer.from(packed);
    altered[at] = (altered[at] ?? 0) ^ 0x10;
    await assert.rejects(unpacked(altered), (error) => isCoded(error, 'corrupt'), `altered at ${at}`);
  }
});

test('blockingCodec: what the source of the bytes throws comes through, and a signal ends it', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield zstdCompressSync(content(500_000)).subarray(0, 60_000);
    throw new Error('the disk is on fire');
  }
  const read = async (pieces: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> => {
    for await (const piece of blockingCodec.decompress('zstd', pieces, signal)) assert.ok(piece.length > 0);
  };
  await assert.rejects(read(broken()), /the disk is on fire/);
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  const large = zstdCompressSync(Buffer.alloc(64 << 20));
  await assert.rejects(read(inPieces(large, 1 << 16), controller.signal), { name: 'AbortError' });
});
