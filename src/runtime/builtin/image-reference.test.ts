import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fullName, parseLocalImage } from './image-reference.ts';

test('fullName completes names as everywhere', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const names: Record<string, string | undefined> = {
    busybox: 'docker.io/library/busybox:latest',
    'busybox:1.36': 'docker.io/library/busybox:1.36',
    'user/image': 'docker.io/user/image:latest',
    'localhost/image': 'localhost/image:latest',
    'localhost:5000/image': 'localhost:5000/image:latest',
    'registry.example/a/b:tag': 'registry.example/a/b:tag',
    [`registry.example/a@${digest}`]: `registry.example/a@${digest}`,
    [`registry.example/a:tag@${digest}`]: `registry.example/a@${digest}`,
    'a@sha256:short': undefined,
    'oci:/path with blank': undefined,
    '../a': undefined,
    '': undefined,
  };
  for (const [name, full] of Object.entries(names)) assert.equal(fullName(name), full, name);
});

test('parseLocalImage knows its transports and wants absolute paths', () => {
  assert.deepEqual(parseLocalImage('rootdir:/'), { transport: 'rootdir', path: '/' });
  assert.deepEqual(parseLocalImage('oci-archive:/a b.tar'), { transport: 'oci-archive', path: '/a b.tar' });
  for (const name of ['rootdir:x', 'docker:/x', 'oci', 'localhost:5000/x', ':/x']) {
    assert.equal(parseLocalImage(name), undefined, name);
  }
});
