import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFixture } from '../../test/fixture-archives.ts';
import { isCoded } from '../errors/coded-error.ts';
import type { FileEntry } from '../gen/criu/files.ts';
import { decodeImage } from './image.ts';
import { remapListeningPorts } from './listening-ports.ts';

test('remapListeningPorts: listening sockets move, connected ones and everything else stay', async (t) => {
  const checkpoint = await openFixture('crun-1.28-sockets.tar');
  t.after(() => checkpoint.close());
  const before = await checkpoint.read('checkpoint/files.img');
  const { bytes, changes } = remapListeningPorts(before, new Map([[8080, 9090]]));
  assert.deepEqual(
    changes.map(({ from, to }) => [from, to]),
    [[8080, 9090]],
  );
  const [old, now] = [decodeImage(before).entries, decodeImage(bytes).entries];
  const moved = now.filter((entry, at) => Buffer.compare(entry.raw, old[at]?.raw ?? new Uint8Array()) !== 0);
  assert.deepEqual(
    moved.map(({ message }) => (message as FileEntry).isk?.src_port),
    [9090],
  );
  const connected = now.filter(({ message }) => (message as FileEntry).isk?.src_port === 8080);
  assert.equal(connected.length, 1);
  assert.deepEqual(remapListeningPorts(before, new Map([[1, 2]])).bytes, Uint8Array.from(before));
});

test('remapListeningPorts: impossible ports and collisions are refused', async (t) => {
  const checkpoint = await openFixture('crun-1.28-sockets.tar');
  t.after(() => checkpoint.close());
  const files = await checkpoint.read('checkpoint/files.img');
  for (const port of [0, -1, 65536, 1.5]) {
    assert.throws(
      () => remapListeningPorts(files, new Map([[8080, port]])),
      (error) => isCoded(error, 'invalid-argument'),
    );
  }
  // Another address family is another socket; the same one twice is not.
  assert.equal(remapListeningPorts(files, new Map([[8080, 8081]])).changes.length, 1);
});
