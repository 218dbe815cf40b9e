import assert from 'node:assert/strict';
import { copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeRootfs, writeImage } from '../engines/image.ts';
import { folderFor, needsRuntime, runFor, until } from '../runtime.ts';
import { TestNode } from './node.ts';

test('a pod whose image is not there yet is restored when it is', needsRuntime, async (t) => {
  const folder = folderFor(t, 'again');
  await makeRootfs(join(folder, 'rootfs'));
  const file = join(folder, 'image.tar');
  await writeImage(file, join(folder, 'rootfs'), 'localhost/counter:1', ['/bin/counter']);
  const spare = join(folder, 'spare.tar');
  copyFileSync(file, spare);
  const first = new TestNode(t);
  first.manifest(
    'count',
    `{apiVersion: v1, kind: Pod, metadata: {name: count}, spec: {terminationGracePeriodSeconds: 0,
    containers: [{name: c, image: "oci-archive:${file}"}]}}`,
  );
  await first.start();
  await first.running('count', 'c');
  const parents = (node: TestNode) => node.output('count', 'c').filter((line) => line.startsWith('parent'));
  await until('it counts', () => parents(first).length > 5);
  assert.equal((await first.stasis('drain')).status, 0);
  const moved = join(folder, 'moved.tar');
  const stasis = (...words: string[]) => runFor(t, process.execPath, ['bin/stasis.cjs', ...words]);
  const extracted = await stasis('extract', '--target', first.checkpoints, '-o', moved);
  assert.equal(extracted.status, 0, extracted.stderr);

  renameSync(file, join(folder, 'away.tar'));
  const second = new TestNode(t);
  const inserted = await stasis('insert', '--target', second.checkpoints, '-i', moved);
  assert.equal(inserted.status, 0, inserted.stderr);
  await second.start();
  const waiting = await until('the restore has failed', async () => {
    const found = await second.pod('count');
    return found?.message.includes('tried again') && found;
  });
  assert.ok(waiting);
  assert.match(waiting.message, /it is tried again at \S+Z \(\d+ attempts? failed\)/);
  assert.equal(waiting.restored, false);

  renameSync(spare, file);
  await until('it is restored', async () => (await second.pod('count'))?.restored === true);
  const before = parents(second).length;
  await until('it goes on', () => parents(second).length > before);
  await until('its trouble is forgotten', async () => (await second.pod('count'))?.message === '');
  assert.ok(!parents(second).includes('parent 1'), 'it did not start anew');
});
