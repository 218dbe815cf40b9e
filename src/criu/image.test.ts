import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageFiles, openFixture, plainArchives } from '../../test/fixture-archives.ts';
import { encodeMessage } from '../bytes/proto2-encode.ts';
import { isCoded } from '../errors/coded-error.ts';
import type { PstreeEntry } from '../gen/criu/inventory.ts';
import { encodeImage } from './encode.ts';
import { decodeImage } from './image.ts';
import { kindOfFile } from './magic.ts';

for (const archive of plainArchives) {
  test(`decodeImage, encodeImage: every image of ${archive} comes back byte for byte`, async (t) => {
    const checkpoint = await openFixture(archive);
    t.after(() => checkpoint.close());
    let images = 0;
    for await (const [name, bytes] of imageFiles(checkpoint)) {
      const image = decodeImage(bytes, name);
      assert.equal(image.kind, kindOfFile(name), name);
      assert.deepEqual(encodeImage(image), Uint8Array.from(bytes), name);
      // The messages alone too, so that it is not only the kept bytes that come back.
      for (const { type, message, raw } of image.entries) {
        assert.deepEqual(encodeMessage(type, message), Uint8Array.from(raw), `${name}: ${type.name}`);
      }
      images++;
    }
    assert.ok(images > 10);
  });

  test(`decodeImage: no cut through an image of ${archive} is anything but whole entries or corrupt`, async (t) => {
    const checkpoint = await openFixture(archive);
    t.after(() => checkpoint.close());
    for await (const [name, bytes] of imageFiles(checkpoint)) {
      const step = Math.max(1, Math.floor(bytes.length / 97));
      for (let length = 0; length < bytes.length; length += step) {
        const cut = bytes.subarray(0, length);
        try {
          assert.deepEqual(encodeImage(decodeImage(cut, name)), Uint8Array.from(cut));
        } catch (error) {
          assert.ok(
            isCoded(error, 'corrupt') || isCoded(error, 'unsupported'),
            `${name} ${length}: ${error}`,
          );
        }
      }
    }
  });
}

const pstree = Uint8Array.from([
  ...[0x19, 0x43, 0x56, 0x54, 0x30, 0x30, 0x27, 0x50, 10, 0, 0, 0],
  ...[8, 7, 16, 0, 24, 7, 32, 7, 40, 7],
]);

test('decodeImage: the older framing without a first word', () => {
  const image = decodeImage(pstree.subarray(4));
  assert.equal(image.framing, 'plain');
  assert.equal(image.kind.name, 'PSTREE');
  assert.deepEqual(image.entries[0]?.message, { pid: 7, ppid: 0, pgid: 7, sid: 7, threads: [7] });
});

test('decodeImage: the byte order of another processor', () => {
  const words = pstree.slice();
  for (const at of [0, 4, 8]) words.subarray(at, at + 4).reverse();
  const image = decodeImage(words);
  assert.equal(image.littleEndian, false);
  assert.equal((image.entries[0]?.message as PstreeEntry | undefined)?.pid, 7);
  assert.deepEqual(encodeImage(image), words);
});

test('encodeImage: what was changed is written anew, what was not stays as it came', () => {
  // The entry says its pid in two bytes where one would do: legal, and not what would be written.
  const odd = Uint8Array.from([
    ...pstree.subarray(0, 8),
    11,
    0,
    0,
    0,
    8,
    0x87,
    0,
    16,
    0,
    24,
    7,
    32,
    7,
    40,
    7,
  ]);
  const image = decodeImage(odd);
  assert.deepEqual(encodeImage(image), odd);
  (image.entries[0]?.message as PstreeEntry).ppid = 3;
  const changed = decodeImage(encodeImage(image)).entries[0];
  assert.deepEqual(changed?.message, { pid: 7, ppid: 3, pgid: 7, sid: 7, threads: [7] });
  assert.equal(changed?.raw.length, 10);
});

test('encodeImage: fields that are not known stay', () => {
  const strange = Uint8Array.from([
    ...pstree.subarray(0, 8),
    14,
    0,
    0,
    0,
    ...pstree.subarray(12),
    0xa2,
    6,
    1,
    65,
  ]);
  const image = decodeImage(strange);
  assert.deepEqual(encodeImage(image), strange);
  (image.entries[0]?.message as PstreeEntry).ppid = 3;
  assert.deepEqual([...encodeImage(image).subarray(-4)], [0xa2, 6, 1, 65]);
});

test('decodeImage: a size beyond the end, an unknown magic and too many entries are refused', () => {
  const long = pstree.slice();
  long[11] = 0xff;
  assert.throws(
    () => decodeImage(long),
    (error) => isCoded(error, 'corrupt'),
  );
  assert.throws(
    () => decodeImage(new Uint8Array(64)),
    (error) => isCoded(error, 'unsupported'),
  );
  const empty = Uint8Array.from([...pstree.subarray(0, 8), ...new Uint8Array(400)]);
  const refused = (error: unknown): boolean => isCoded(error, 'resource-exhausted');
  assert.throws(() => decodeImage(empty, 'pstree.img', { maxEntries: 99 }), refused);
});
