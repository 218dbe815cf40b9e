import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFixture } from '../../test/fixture-archives.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import { encodeMessage } from '../bytes/proto2-encode.ts';
import { ImageSet } from '../criu/image-set.ts';
import { PstreeEntry } from '../gen/criu/inventory.ts';
import { imagesOf } from './images.ts';
import { Problems } from './problems.ts';
import { processTree, walk } from './process-tree.ts';

test('processTree: processes, arguments and environment of a real checkpoint', async (t) => {
  const checkpoint = await openFixture('crio-1.37-runc.tar');
  t.after(() => checkpoint.close());
  const problems = new Problems();
  const tree = await processTree(await imagesOf(checkpoint), { args: true, environment: true, problems });
  assert.deepEqual(problems.list, []);
  const [shell] = tree;
  assert.deepEqual(shell?.args?.slice(0, 2), ['/bin/sh', '-c']);
  assert.ok(shell?.environment?.includes('PATH=/bin'));
  const [sleep] = shell?.children ?? [];
  const { comm, state, args, pid, ppid } = sleep ?? {};
  assert.deepEqual(
    { comm, state, args, pid, ppid },
    { comm: 'sleep', state: 'Alive', args: ['sleep', '0.2'], pid: 21, ppid: 1 },
  );
});

/** A set of images that holds a list of processes and nothing else. */
function pstreeOnly(parents: Readonly<Record<number, number>>): ImageSet {
  const header = Uint8Array.from([0x19, 0x43, 0x56, 0x54, 0x30, 0x30, 0x27, 0x50]);
  const entries = Object.entries(parents).map(([pid, ppid]) => {
    const bytes = encodeMessage(PstreeEntry, {
      pid: Number(pid),
      ppid,
      pgid: 1,
      sid: 1,
      threads: [Number(pid)],
    });
    return concat([Uint8Array.from([bytes.length, 0, 0, 0]), bytes]);
  });
  const image = concat([header, ...entries]);
  return new ImageSet({
    names: async () => ['pstree.img'],
    open: async (name) => (name === 'pstree.img' ? bytesSource(image) : undefined),
  });
}

test('processTree: orphans and circles are shown once and named as problems', async () => {
  const problems = new Problems();
  const roots = await processTree(pstreeOnly({ 1: 0, 2: 1, 5: 99, 7: 8, 8: 7, 9: 9 }), { problems });
  assert.deepEqual([...walk(roots)].map(({ pid }) => pid).sort(), [1, 2, 5, 7, 8, 9]);
  const found = problems.list.filter(({ about }) => about === 'pstree.img').map(({ message }) => message);
  assert.deepEqual(found, [
    'process 5: its parent 99 is missing',
    'process 7 is its own ancestor',
    'process 9 is its own ancestor',
  ]);
});

test('processTree: a chain of 5,000 processes', async () => {
  const parents = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [at + 1, at]));
  assert.equal([...walk(await processTree(pstreeOnly(parents)))].length, 5000);
});
