import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { containerdWithLoad } from '../../../test/engines/loaded-containerd.ts';
import { folderFor, needsRuntime } from '../../../test/runtime.ts';
import type { Need } from '../../inspect/restore-needs.ts';
import { compareWithNode } from './node-needs.ts';

const need = (kind: Need['kind'], what: string, check?: Need['check']): Need => {
  return { kind, what, reason: 'test', ...(check && { check }) };
};

async function met(needs: readonly Need[], root: string): Promise<string[]> {
  return (await compareWithNode(needs, { root })).map(({ node }) => `${node.met}: ${node.found}`);
}

test('compareWithNode: processor, security module, plugins and paths of this node', async (t) => {
  const root = folderFor(t, 'node');
  for (const folder of ['proc', 'sys/kernel/security', 'usr/lib/criu', 'srv/data', 'dev']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  writeFileSync(join(root, 'proc/cpuinfo'), 'processor\t: 0\nflags\t\t: fpu sse2 avx\n');
  writeFileSync(join(root, 'sys/kernel/security/lsm'), 'capability,apparmor');
  writeFileSync(join(root, 'usr/lib/criu/amdgpu_plugin.so'), '');
  writeFileSync(join(root, 'srv/file'), '');
  const many = Array.from({ length: 20 }, (_, at) => `f${at}`);
  const results = await met(
    [
      need('processor', 'AVX', { features: ['avx'] }),
      need('processor', 'features', { features: ['fpu', ...many] }),
      need('security module', 'AppArmor'),
      need('security module', 'SELinux'),
      need('criu plugin', 'amdgpu_plugin'),
      need('criu plugin', 'cuda_plugin'),
      need('mount', '/srv/data', { path: '/srv/data', type: 'directory' }),
      need('mount', '/srv/file', { path: '/srv/file', type: 'directory' }),
      need('mount', '/srv/none', { path: '/srv/none', type: 'file' }),
      need('mount', '/srv/file/below', { path: '/srv/file/below', type: 'file' }),
      need('device', '/dev/fuse', { path: '/dev/fuse', type: 'device' }),
      need('criu option', 'file-locks'),
    ],
    root,
  );
  assert.deepEqual(results, [
    'yes: avx',
    'no: without f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 and 8 more',
    'yes: capability,apparmor',
    'no: capability,apparmor',
    'yes: amdgpu_plugin.so',
    'no: only amdgpu_plugin.so',
    'yes: a directory',
    'no: a file, not a directory',
    'no: it is not there',
    'no: it is not there',
    'no: it is not there',
    'unknown: whoever restores has to ask for it',
  ]);
});

test('compareWithNode: the kernel by its numbers; an older one may do', async () => {
  const [same, newer, older] = await compareWithNode([
    need('kernel', 'same', { version: release() }),
    need('kernel', 'newer', { version: '999.1' }),
    need('kernel', 'older', { version: '3.2.999' }),
  ]);
  assert.deepEqual([same?.node.met, newer?.node.met, older?.node.met], ['yes', 'unknown', 'yes']);
  const other = { x64: 'arm64', arm64: 'amd64' }[process.arch as string] ?? 'amd64';
  const [machine] = await compareWithNode([need('machine', other)]);
  assert.equal(machine?.node.met, 'no');
});

test('compareWithNode: criu and the image of a real runtime', needsRuntime, async (t) => {
  const { containerd } = await containerdWithLoad(t);
  const needs = [
    need('criu', '3.16 or later', { version: '3.16' }),
    need('criu', '99 or later', { version: '99' }),
    need('image', 'load', { images: ['sha256:nothing', 'localhost/load:1'] }),
    need('image', 'other', { images: ['localhost/other:1'] }),
  ];
  const compared = await compareWithNode(needs, { endpoint: `unix://${containerd.socket}` });
  assert.deepEqual(
    compared.map(({ node }) => node.met),
    ['yes', 'no', 'yes', 'no'],
    JSON.stringify(compared),
  );
});
