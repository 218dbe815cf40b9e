import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { cpuManager } from '../../src/kubeletstate/cpu-manager.ts';
import { makeRootfs } from '../engines/image.ts';
import { needsRuntime, until } from '../runtime.ts';
import { signal, TestNode } from './node.ts';

const rootfs = join(mkdtempSync(join(tmpdir(), 'stasis-image-')), 'rootfs');
before(async () => {
  if (!needsRuntime.skip) await makeRootfs(rootfs, []);
});

const pod = (name: string, limits: string) => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: "rootdir:${rootfs}"
    resources: {limits: ${limits}}
    command: [/bin/sh, -c, 'while :; do sleep 1; done']
`;
const all = cpus().length;
const skip = needsRuntime.skip || all < 2 ? { skip: needsRuntime.skip || 'needs two CPUs' } : {};

test('whole CPUs are given, remembered over a kill, explained and given back', skip, async (t) => {
  const config = join(mkdtempSync(join(tmpdir(), 'stasis-config-')), 'config.yaml');
  t.after(() => rmSync(join(config, '..'), { recursive: true }));
  const policy = (name: string) =>
    writeFileSync(
      config,
      `apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\ncpuManagerPolicy: ${name}\nreservedSystemCPUs: "0"\ncpuManagerReconcilePeriod: 1s\ntopologyManagerPolicy: none\n`,
    );
  policy('static');
  const node = new TestNode(t, ['--config', config]);
  const state = join(node.root, 'cpu_manager_state');
  const given = async () =>
    (await node.client().cpus(signal())).items.map(
      ({ use, cpus: list, pod: name }) => `${use} ${list} ${name ?? ''}`,
    );
  node.manifest('shares', pod('shares', '{cpu: 100m, memory: 64Mi}'));
  await node.start();
  await node.running('shares', 'c');
  node.manifest('own', pod('own', `{cpu: ${all - 1}, memory: 64Mi}`));
  const { id } = await node.running('own', 'c');
  const rest = all === 2 ? '1' : `1-${all - 1}`;
  const expected = ['reserved 0 ', 'shared 0 ', `exclusive ${rest} own`];
  assert.deepEqual(await given(), expected);
  assert.ok(cpuManager.inspect(readFileSync(state)).find(({ version }) => version === 'v2')?.valid);
  node.manifest('more', pod('more', '{cpu: 1, memory: 64Mi}'));
  const refusal = await until('it is refused', async () => (await node.pod('more'))?.message || undefined);
  assert.match(refusal, /not enough cpus available to satisfy request: requested=1, available=0/);
  await node.stop('SIGKILL');
  await node.start();
  assert.equal((await node.running('own', 'c')).id, id);
  assert.deepEqual(await given(), expected);
  const listed = await node.stasis('get', 'cpus');
  assert.match(listed.stdout, /exclusive +default +own +c/);
  rmSync(join(node.manifests, 'own.yaml'));
  await node.running('more', 'c');
  assert.match((await given()).at(-1) ?? '', /^exclusive [0-9]+ more$/);
  // A file that is broken, then one of another policy: told and kept, and the node goes on.
  await node.stop('SIGKILL');
  writeFileSync(state, readFileSync(state, 'utf8').replace('"static"', '"statik"'));
  await node.start();
  assert.ok(node.log.includes('checkpoint is corrupted; it is kept as'));
  await until('it is given again', async () => (await given()).some((line) => line.startsWith('exclusive')));
  policy('none');
  await node.stop();
  await node.start();
  assert.ok(node.log.includes('the configuration says \\"none\\"'));
  assert.deepEqual(
    readdirSync(node.root).filter((name) => /^cpu_manager_state\.(corrupt|reset)-/.test(name)).length,
    2,
  );
});
