import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { openCheckpoint } from '../localfs/open-checkpoint.ts';
import type { RawMember } from './checkpoint.ts';
import { validateMembers } from './validate.ts';

const fixtures = resolve(import.meta.dirname, '../../fixtures/archives');

function raw(name: string, more: Partial<RawMember> = {}): RawMember {
  return { name, type: 'file', size: 0, linkName: '', mode: 0o600, ...more };
}

const complete = ['config.dump', 'spec.dump', 'checkpoint/inventory.img', 'checkpoint/pstree.img'].map(
  (name) => raw(name),
);

function findings(...members: RawMember[]): string[] {
  return validateMembers([...complete, ...members]).map(({ severity, kind }) => `${severity} ${kind}`);
}

for (const file of ['podman-5.8.6-crun-zstd.tar', 'crio-1.37-runc.tar', 'containerd-2.1.9-crun.tar']) {
  test(`validateMembers + nothing is wrong with ${file}`, async () => {
    const checkpoint = await openCheckpoint(join(fixtures, file));
    assert.deepEqual(validateMembers((await checkpoint.members()).raw), []);
    await checkpoint.close();
  });
}

test('validateMembers + names that leave the archive or play with the terminal', () => {
  for (const name of [
    '../../etc/cron.d/config',
    '/etc/passwd',
    'checkpoint/../../x',
    'checkpoint/..',
    'a\\..\\b',
    'a\0b',
    'a\u001b[2Jb',
    'line\nbreak',
    '\u009b31m',
  ]) {
    assert.deepEqual(findings(raw(name)), ['error name'], JSON.stringify(name));
  }
  for (const name of ['./checkpoint/core-1.img', 'checkpoint/..img', 'a..b', 'grüße', './']) {
    assert.deepEqual(findings(raw(name)), [], name);
  }
});

test('validateMembers + links: out of the archive, unresolved, and the one that CRIU makes', () => {
  const link = (name: string, linkName: string) => raw(name, { type: 'symlink', linkName });
  assert.deepEqual(findings(link('x', '/etc/passwd')), ['error link']);
  assert.deepEqual(findings(link('a/x', '../../y')), ['error link']);
  assert.deepEqual(findings(link('a/x', '../y')), ['warning link']);
  assert.deepEqual(findings(link('checkpoint/parent', '../pre-checkpoint')), []);
  const hard = (linkName: string) => raw('h', { type: 'hardlink', linkName });
  assert.deepEqual(findings(hard('config.dump')), []);
  assert.deepEqual(findings(hard('missing')), ['error unresolved']);
  assert.deepEqual(findings(hard('../x')), ['error link']);
});

test('validateMembers + devices, duplicates, conflicts, lookalikes, set-user-ID', () => {
  for (const type of ['fifo', 'character-device', 'block-device'] as const) {
    assert.deepEqual(findings(raw('d', { type })), ['error device']);
  }
  assert.deepEqual(findings(raw('./config.dump')), ['error duplicate']);
  assert.deepEqual(findings(raw('d/', { type: 'directory' }), raw('d', { type: 'directory' })), []);
  assert.deepEqual(findings(raw('link', { type: 'symlink', linkName: 'd' }), raw('link/x')), [
    'warning link',
    'error conflict',
  ]);
  for (const name of ['config.dump.backup', 'misleading-config.dump.backup', 'evil/config.dump']) {
    assert.deepEqual(findings(raw(name)), ['warning lookalike'], name);
  }
  assert.deepEqual(findings(raw('s', { mode: 0o4755 })), ['warning permissions']);
});

test('validateMembers + what an archive of its kind must have', () => {
  const kinds = (...members: RawMember[]) => validateMembers(members).map(({ name }) => name);
  assert.deepEqual(kinds(), ['config.dump']);
  assert.deepEqual(kinds(raw('config.dump')), [
    'spec.dump',
    'checkpoint/inventory.img',
    'checkpoint/pstree.img',
  ]);
  assert.deepEqual(kinds(raw('pod.dump'), raw('web.tar')), []);
});
