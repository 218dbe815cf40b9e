import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { PodFiles, type PodRecord } from './pod-store.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'pod-store-'));
  t.after(() => rmSync(path, { recursive: true }));
  return join(path, 'pods');
}

const record = (uid: string): PodRecord => ({
  pod: {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', namespace: 'd', uid },
    spec: { containers: [{ name: 'c', image: 'i', env: [{ name: 'A', value: 'ü\n' }] }] },
  },
  seen: '2026-01-01T00:00:00Z',
  configuration: [{ kind: 'Secret', namespace: 'd', name: 's', data: { k: 'AAE=' } }],
});

test('PodFiles brings back what was saved, in private files with a checksum', async (t) => {
  const path = folder(t);
  const store = new PodFiles(path, assert.fail);
  await store.save(record('u-1'));
  await store.save({ ...record('u-2'), drained: true });
  await store.save(record('u-3'));
  await store.remove('u-3');
  const loaded = await new PodFiles(path, assert.fail).load();
  assert.deepEqual(loaded, [record('u-1'), { ...record('u-2'), drained: true }]);
  assert.equal(statSync(join(path, 'u-1')).mode & 0o777, 0o600);
  assert.match(readFileSync(join(path, 'u-1'), 'utf8'), /"checksum":[0-9]+/);
});

test('PodFiles sets a record aside whose content is not what it was, says so, and goes on', async (t) => {
  const path = folder(t);
  await new PodFiles(path, assert.fail).save(record('u-1'));
  await new PodFiles(path, assert.fail).save(record('u-2'));
  const text = readFileSync(join(path, 'u-1'), 'utf8');
  writeFileSync(join(path, 'u-1'), text.replace('2026-01-01', '2026-01-02'));
  const said: string[] = [];
  const store = new PodFiles(path, (message) => said.push(message));
  assert.deepEqual(await store.load(), [record('u-2')]);
  assert.match(said.join('\n'), /u-1: checkpoint is corrupted; the pod is not taken over/);
  assert.ok(readdirSync(path).some((name) => name.startsWith('u-1.corrupt-')));
  assert.deepEqual(await new PodFiles(path, assert.fail).load(), [record('u-2')]);
});

test('PodFiles takes over records without a checksum, once', async (t) => {
  const path = folder(t);
  mkdirSync(path, { mode: 0o700 });
  writeFileSync(join(path, 'u-1.json'), JSON.stringify({ version: 1, ...record('u-1') }));
  const said: string[] = [];
  writeFileSync(join(path, 'u-2.json'), '{"version": 1, "pod"');
  const store = new PodFiles(path, (message) => said.push(message));
  assert.deepEqual(await store.load(), [record('u-1')]);
  assert.match(said.join(), /u-2\.json/);
  assert.deepEqual(
    readdirSync(path).filter((name) => !name.startsWith('.') && !name.includes('.corrupt-')),
    ['u-1'],
  );
});
