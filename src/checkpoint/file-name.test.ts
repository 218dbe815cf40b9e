import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileNamePrefix, fileNameTime, makeFileName, parseFileName } from './file-name.ts';

const parts = { pod: 'my-redis', namespace: 'default', container: 'db', time: '2026-11-21T01:02:03Z' };

test('makeFileName + the kubelet name, read back', () => {
  const name = makeFileName(parts);
  assert.equal(name, 'checkpoint-my-redis_default-db-2026-11-21T01:02:03Z.tar');
  assert.deepEqual(parseFileName(name), [parts]);
  assert.ok(name.startsWith(fileNamePrefix('my-redis', 'default', 'db')));
});

test('parseFileName + every reading of dashes, none of foreign names', () => {
  const readings = parseFileName('checkpoint-p_kube-system-web-1-2026-11-21T01:02:03+05:30.tar');
  assert.deepEqual(
    readings.map(({ namespace, container, time }) => [namespace, container, time]),
    [
      ['kube', 'system-web-1', '2026-11-21T01:02:03+05:30'],
      ['kube-system', 'web-1', '2026-11-21T01:02:03+05:30'],
      ['kube-system-web', '1', '2026-11-21T01:02:03+05:30'],
    ],
  );
  for (const name of [
    'checkpoint-x.tar',
    'checkpoint-_ns-c-2026-11-21T01:02:03Z.tar',
    'checkpoint-p_ns-2026-11-21T01:02:03Z.tar',
    'checkpoint-p_ns-c-2026-11-21T01:02:03Z.tar.gz',
    'pod_ns-c-2026-11-21T01:02:03Z.tar',
  ]) {
    assert.deepEqual(parseFileName(name), [], name);
  }
});

test('fileNameTime + zones ahead of, behind and at UTC', () => {
  const at = Date.UTC(2026, 10, 21, 1, 2, 3, 999);
  assert.equal(fileNameTime(at, 0), '2026-11-21T01:02:03Z');
  assert.equal(fileNameTime(at, 330), '2026-11-21T06:32:03+05:30');
  assert.equal(fileNameTime(at, -90), '2026-11-20T23:32:03-01:30');
});
