import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeConfigVolume } from './config-volume.ts';
import type { ConfigObject } from './configuration.ts';
import { filesOf } from './volume-files.ts';

const object = (data: Record<string, string>): ConfigObject => ({
  kind: 'Secret',
  namespace: 'd',
  name: 's',
  data: Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  ),
});

test('writeConfigVolume replaces all files in one step, drops old ones, and does nothing when nothing changed', async (t) => {
  const volume = mkdtempSync(join(tmpdir(), 'config-volume-'));
  t.after(() => rmSync(volume, { recursive: true }));
  assert.equal(await writeConfigVolume(volume, filesOf({}, object({ a: '1', b: '2' }))), true);
  assert.deepEqual(
    readdirSync(volume).filter((name) => !name.startsWith('..')),
    ['a', 'b'],
  );
  assert.equal(await writeConfigVolume(volume, filesOf({}, object({ a: '1', b: '2' }))), false);
  const before = statSync(join(volume, 'a')).ino;
  assert.equal(await writeConfigVolume(volume, filesOf({ defaultMode: 0o400 }, object({ a: '3' }))), true);
  assert.notEqual(statSync(join(volume, 'a')).ino, before);
  assert.equal(readFileSync(join(volume, 'a'), 'utf8'), '3');
  assert.equal(statSync(join(volume, 'a')).mode & 0o777, 0o400);
  assert.equal(readdirSync(volume).length, 3, 'the name, ..data, and one folder');
});

test('filesOf takes the keys that are named, to their paths and with their modes', async (t) => {
  const volume = mkdtempSync(join(tmpdir(), 'config-volume-'));
  t.after(() => rmSync(volume, { recursive: true }));
  mkdirSync(join(volume, '..9999'));
  const items = [{ key: 'a', path: 'deep/er/x', mode: 0o440 }];
  await writeConfigVolume(volume, filesOf({ items }, object({ a: '1', b: '2' })));
  assert.equal(readFileSync(join(volume, 'deep/er/x'), 'utf8'), '1');
  assert.equal(statSync(join(volume, 'deep/er/x')).mode & 0o777, 0o440);
  assert.deepEqual(
    readdirSync(volume).filter((name) => !name.startsWith('..')),
    ['deep'],
  );
});

test('filesOf is empty for what is optional and not there', () => {
  assert.deepEqual(filesOf({ optional: true }, undefined), []);
});
