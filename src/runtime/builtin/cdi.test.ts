import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { folderFor } from '../../../test/runtime.ts';
import { isCoded } from '../../errors/coded-error.ts';
import { injectCdi } from './cdi-inject.ts';
import { cdiEdits } from './cdi-registry.ts';
import type { OciSpec } from './oci-spec.ts';

/** Two folders with these files, the second over the first. */
function foldersWith(t: TestContext, ...folders: Record<string, string>[]): string[] {
  const root = folderFor(t, 'cdi');
  return folders.map((files, at) => {
    const folder = join(root, String(at));
    mkdirSync(folder);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return folder;
  });
}

function specOf(): OciSpec {
  return {
    ociVersion: '1.0.2',
    process: { user: { uid: 1000, gid: 0 }, args: ['x'], env: ['PATH=/bin', 'MODE=own'], cwd: '/' },
    root: { path: '/' },
    mounts: [{ destination: '/lib/gpu', type: 'bind', source: '/own' }],
    annotations: {},
    linux: { namespaces: [], cgroupsPath: '', resources: { devices: [{ allow: false, access: 'rwm' }] } },
  };
}

const gpu = `
cdiVersion: 0.6.0
kind: vendor.com/gpu
containerEdits:
  env: [ALL=1]
devices:
- name: zero
  containerEdits:
    env: [MODE=gpu]
    deviceNodes: [{path: /dev/gpu0, hostPath: /dev/null, permissions: rw, fileMode: 432}]
    mounts: [{hostPath: /opt/gpu, containerPath: /lib/gpu, options: [ro, rbind]}]
    hooks: [{hookName: createContainer, path: /bin/link, args: [link, zero]}]
    additionalGids: [44]
- name: one
  containerEdits: {env: [SECOND=1]}
`;

test('injectCdi changes variables, devices, mounts, hooks and groups, and what all devices share once', async (t) => {
  const folders = foldersWith(t, { 'gpu.yaml': gpu, 'notes.txt': 'x', 'broken.json': '{' });
  const edits = await cdiEdits(['vendor.com/gpu=zero', 'vendor.com/gpu=one'], folders);
  assert.equal(edits.length, 3);
  const spec = specOf();
  await injectCdi(spec, edits);
  assert.deepEqual(spec.process.env, ['PATH=/bin', 'ALL=1', 'MODE=gpu', 'SECOND=1']);
  assert.deepEqual(spec.linux.devices, [
    { path: '/dev/gpu0', type: 'c', major: 1, minor: 3, fileMode: 432, uid: 1000, gid: 0 },
  ]);
  assert.deepEqual(spec.linux.resources?.devices, [
    { allow: false, access: 'rwm' },
    { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' },
  ]);
  assert.deepEqual(spec.mounts, [
    { destination: '/lib/gpu', source: '/opt/gpu', type: 'bind', options: ['ro', 'rbind'] },
  ]);
  assert.deepEqual(spec.hooks, { createContainer: [{ path: '/bin/link', args: ['link', 'zero'] }] });
  assert.deepEqual(spec.process.user.additionalGids, [44]);
});

test('cdiEdits takes a device from the last folder that knows it', async (t) => {
  const device = (value: string) =>
    JSON.stringify({ kind: 'x.io/d', devices: [{ name: 'a', containerEdits: { env: [`V=${value}`] } }] });
  const [first = '', second = ''] = foldersWith(
    t,
    { 'a.json': device('static') },
    { 'b.json': device('dynamic') },
  );
  const values = async (...folders: string[]) =>
    (await cdiEdits(['x.io/d=a'], folders)).flatMap(({ env = [] }) => env);
  assert.deepEqual(await values(first), ['V=static']);
  assert.deepEqual(await values(first, second), ['V=dynamic']);
  assert.deepEqual(await values(first, '/nowhere'), ['V=static']);
});

test('cdiEdits names devices that nobody describes, that two files do, and files that it cannot read', async (t) => {
  const one = JSON.stringify({ kind: 'x.io/d', devices: [{ name: 'a', containerEdits: {} }] });
  const rdt = JSON.stringify({ kind: 'x.io/r', devices: [{ name: 'a', containerEdits: { intelRdt: {} } }] });
  const folders = foldersWith(t, { 'a.json': one, 'b.json': one, 'r.json': rdt });
  await assert.rejects(cdiEdits(['x.io/d=a', 'nothing', 'x.io/r=a'], folders), (error) => {
    assert.ok(isCoded(error, 'not-found'));
    assert.equal(
      error.message,
      'CDI device injection failed: unresolvable CDI devices x.io/d=a, nothing, x.io/r=a',
    );
    assert.match(error.hint ?? '', /r\.json is left out: intelRdt of device a is not supported/);
    return true;
  });
  assert.deepEqual(await cdiEdits([], ['/nowhere']), []);
});
