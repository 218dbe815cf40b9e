import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { createClient } from '@connectrpc/connect';
import { PodResourcesLister } from '../../src/gen/podresources/v1/api_pb.ts';
import { openUnixSocket } from '../../src/grpc/socket-client.ts';
import { memoryManager } from '../../src/kubeletstate/memory-manager.ts';
import { machineFacts } from '../../src/localfs/machine-facts.ts';
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
/** What the command line says of it. */
async function shows(node: TestNode, cells: readonly number[]): Promise<void> {
  const pods = (await node.stasis('get', 'pods', '-o', 'wide')).stdout;
  assert.match(pods, /^NAMESPACE .* MEMORY +MEMORY LIMIT /);
  assert.match(pods, /^default +own +.* 64\.0 MiB +64\.0 MiB /m);
  const containers = (await node.stasis('get', 'containers', '-o', 'wide')).stdout;
  assert.match(
    containers,
    new RegExp(`^default +own +c +.* 64\\.0 MiB +64\\.0 MiB +${cells.join(',')} `, 'm'),
  );
  assert.match(containers, /^default +shares +c +.* 64\.0 MiB +64\.0 MiB +- /m);
  const pod = (await node.stasis('describe', 'pod', 'own')).stdout;
  assert.match(pod, /Memory: +64\.0 MiB asked for, at most 64\.0 MiB/);
  assert.match(pod, new RegExp(`Its own: +64\\.0 MiB of memory on NUMA node ${cells.join(', ')}$`, 'm'));
  const described = (await node.stasis('describe', 'node')).stdout;
  assert.match(described, /^Memory: +\d.* 128\.0 MiB asked for by pods$/m);
  assert.match(described, /^Memory manager: +Static$/m);
  const [cell] = cells;
  const line = `NUMA node ${cell}, memory: +64\\.0 MiB of .* given; .* in all, 300\\.0 MiB kept for the system$`;
  assert.match(described, new RegExp(line, 'm'));
}

const nodes = (await machineFacts()).numaNodes ?? [];
const skip = needsRuntime.skip || nodes.length === 0 ? { skip: needsRuntime.skip || 'no NUMA nodes' } : {};

test('memory of a NUMA node is given, remembered over a kill, explained and given back', skip, async (t) => {
  const config = join(mkdtempSync(join(tmpdir(), 'stasis-config-')), 'config.yaml');
  t.after(() => rmSync(join(config, '..'), { recursive: true }));
  const first = nodes[0]?.id;
  const reserve = (mib: number) =>
    writeFileSync(
      config,
      `apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmemoryManagerPolicy: Static\nsystemReserved: {memory: ${mib - 100}Mi}\nreservedMemory: [{numaNode: ${first}, limits: {memory: ${mib}Mi}}]\n`,
    );
  reserve(300);
  const node = new TestNode(t, ['--config', config]);
  const state = join(node.root, 'memory_manager_state');
  const read = () => memoryManager.decode(readFileSync(state));
  const given = () => [...(read().Entries ?? [])].map(([, containers]) => containers?.get('c')?.[0]);
  const table = () =>
    read()
      .MachineState?.get(BigInt(first ?? 0))
      ?.MemoryMap?.get('memory');
  node.manifest('shares', pod('shares', '{memory: 64Mi}'));
  node.manifest('own', pod('own', '{cpu: 100m, memory: 64Mi}'));
  await node.start();
  await node.running('shares', 'c');
  const { id } = await node.running('own', 'c');
  const [block] = given();
  const affinity = block?.NUMAAffinity ?? [];
  assert.deepEqual(given(), [{ NUMAAffinity: affinity, Type: 'memory', Size: 64n << 20n }]);
  assert.equal(affinity.length, 1);
  assert.ok(memoryManager.inspect(readFileSync(state)).find(({ version }) => version === 'v1')?.valid);
  assert.equal(table()?.SystemReserved, 300n << 20n);
  const dialled = openUnixSocket(join(node.root, 'pod-resources/kubelet.sock'));
  t.after(() => dialled.close());
  const resources = createClient(PodResourcesLister, dialled.transport);
  const listed = await resources.get({ podName: 'own', podNamespace: 'default' }, { signal: signal() });
  const [memory] = listed.podResources?.containers[0]?.memory ?? [];
  assert.equal(memory?.size, 64n << 20n);
  assert.deepEqual(
    memory?.topology?.nodes.map(({ ID }) => ID),
    affinity,
  );
  const { memory: all } = await resources.getAllocatableResources({}, { signal: signal() });
  assert.ok(all.some(({ memoryType, size }) => memoryType === 'memory' && size === table()?.Allocatable));
  await shows(node, affinity.map(Number));
  // More than any machine has waits for its turn, in the kubelet's words.
  node.manifest('more', pod('more', '{cpu: 100m, memory: 900Ti}'));
  const refusal = await until('it is refused', async () => (await node.pod('more'))?.message || undefined);
  assert.match(refusal, /no NUMA nodes with enough memory is available/);
  rmSync(join(node.manifests, 'more.yaml'));
  const before = readFileSync(state, 'utf8');
  await node.stop('SIGKILL');
  await node.start();
  assert.equal((await node.running('own', 'c')).id, id);
  assert.equal(readFileSync(state, 'utf8'), before);
  // Other reservations are explained, and the pod keeps what it has.
  await node.stop('SIGKILL');
  reserve(400);
  await node.start();
  assert.ok(node.log.includes('the expected machine state is different from the real one'));
  assert.equal((await node.running('own', 'c')).id, id);
  assert.deepEqual(given(), [block]);
  assert.equal(table()?.SystemReserved, 400n << 20n);
  // A broken file is kept, and the pod is admitted anew.
  await node.stop('SIGKILL');
  writeFileSync(state, readFileSync(state, 'utf8').replace('"Static"', '"Statik"'));
  await node.start();
  assert.ok(node.log.includes('checkpoint is corrupted; it is kept as'));
  assert.ok(readdirSync(node.root).some((name) => name.startsWith('memory_manager_state.corrupt-')));
  await until('it is given again', async () => given().length === 1);
  rmSync(join(node.manifests, 'own.yaml'));
  await until('it is given back', async () => given().length === 0);
  assert.equal(table()?.Reserved, 0n);
});
