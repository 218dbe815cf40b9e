import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFixture } from '../../test/fixture-archives.ts';
import { bindMounts } from './container-files.ts';
import { imagesOf } from './images.ts';
import { Problems } from './problems.ts';
import { restoreNeeds } from './restore-needs.ts';

async function needsOf(archive: string): Promise<string[]> {
  const checkpoint = await openFixture(archive);
  const problems = new Problems();
  try {
    const needs = await restoreNeeds(checkpoint, await imagesOf(checkpoint), problems);
    assert.deepEqual(problems.list, []);
    return needs.map(({ kind, what }) => `${kind}: ${what}`);
  } finally {
    await checkpoint.close();
  }
}

test('restoreNeeds: machine, processor, kernel, CRIU, image, mounts, namespaces of a CRI-O checkpoint', async () => {
  const userdata =
    '/run/crio/storage/overlay-containers/497cb43205373169fd3cd96d6ef71d7e58e2e5cbac01078ba639e1530907c184/userdata';
  assert.deepEqual(await needsOf('crio-1.37-runc.tar'), [
    'machine: amd64',
    'processor: AVX-512',
    'processor: protection keys',
    'criu: 4.2.1 or later',
    'kernel: Linux 6.18.44-fc-v595 or later',
    'image: test.local/bb:1 (3d8c4455bee198dce10eab31511fb0c62400dafa9a9f23bde850ebde8d596411)',
    `mount: ${userdata}/resolv.conf`,
    `mount: ${userdata}/hostname`,
    'mount: /run/.containerenv',
    'mount: /etc/hostname',
    'mount: /etc/resolv.conf',
    'mount: /dev/shm',
    'namespace: network namespace',
  ]);
});

test('restoreNeeds: what CRIU restores only when it is told to', async () => {
  assert.ok((await needsOf('crun-1.28-sockets.tar')).includes('criu option: tcp-established'));
  const files = await needsOf('crun-1.28-files.tar');
  assert.ok(files.includes('criu option: file-locks'));
  assert.ok(!files.includes('criu option: tcp-established'));
});

test('bindMounts: files and folders as CRI-O tells them apart', async () => {
  const checkpoint = await openFixture('crio-1.37-runc.tar');
  const mounts = await bindMounts(checkpoint);
  await checkpoint.close();
  assert.deepEqual(
    mounts.map(({ destination, isFile, permissions }) => [destination, isFile, permissions]),
    [
      ['/etc/resolv.conf', true, 0o644],
      ['/etc/hostname', true, 0o644],
    ],
  );
});
