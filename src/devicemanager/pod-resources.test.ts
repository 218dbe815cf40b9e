import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { newPod, openDevices, podOf, signal } from '../../test/devices/devices.ts';
import { ScriptedPlugin } from '../../test/devices/scripted-plugin.ts';
import { atEnd, folderFor } from '../../test/runtime.ts';
import { type ContainerDevices, PodResourcesLister } from '../gen/podresources/v1/api_pb.ts';
import { openUnixSocket } from '../grpc/socket-client.ts';
import { serveUnixSocket } from '../grpc/socket-server.ts';
import { podResources as askedOf } from '../runtime/cri/pod-resources.ts';
import { type CpuAndMemory, podResources, podResourcesSocket } from './pod-resources.ts';

const gpu = 'vendor.com/gpu';

const cpuAndMemory: CpuAndMemory = {
  cpusOf: (_pod, container) => (container === 'one' ? [2n, 3n] : []),
  memoryOf: (_pod, container) =>
    container === 'one' ? [{ type: 'memory', size: 1n << 40n, nodes: [0n] }] : [],
  allocatableCpus: () => [1n, 2n, 3n],
  allocatableMemory: () => [{ type: 'memory', size: 1n << 41n, nodes: [0n, 1n] }],
};

function plain(devices: readonly ContainerDevices[]) {
  return devices.map(({ resourceName, deviceIds, topology }) => [
    resourceName,
    deviceIds,
    topology?.nodes.map(({ ID }) => ID),
  ]);
}

test('podResources serves what containers have and what there is, as a kubelet does', async (t) => {
  const root = folderFor(t);
  mkdirSync(join(root, 'device-plugins'));
  const node = await openDevices(t, join(root, 'device-plugins'));
  const plugin = new ScriptedPlugin(gpu, [
    { id: 'a', nodes: [0n, 1n] },
    'b',
    { id: 'c', health: 'Unhealthy' },
    'd',
  ]);
  await plugin.register(t, node.directory);
  await node.healthy(gpu, 3);
  const pod = podOf('p', { one: { [gpu]: 2 }, two: {} }, { init: { [gpu]: 1 } });
  await node.manager.admit(pod, newPod('p'), signal);
  const routes = podResources(node.registry, cpuAndMemory, () => [pod]);
  const server = await serveUnixSocket(join(root, podResourcesSocket), routes);
  atEnd(t, () => server.close());
  const connection = openUnixSocket(join(root, podResourcesSocket));
  atEnd(t, () => connection.close());
  const client = createClient(PodResourcesLister, connection.transport);

  const { podResources: pods } = await client.list({});
  assert.deepEqual(
    pods.map(({ name, namespace }) => [name, namespace]),
    [['p', 'default']],
  );
  const [one, two, more] = pods[0]?.containers ?? [];
  assert.ok(one && two && !more, 'init containers that end are left out');
  assert.deepEqual(plain(one.devices), [
    [gpu, ['a'], [0n]],
    [gpu, ['a'], [1n]],
    [gpu, ['b'], undefined],
  ]);
  assert.deepEqual([one.cpuIds, two.cpuIds, two.devices], [[2n, 3n], [], []]);
  assert.deepEqual(
    one.memory.map(({ memoryType, size }) => [memoryType, size]),
    [['memory', 1n << 40n]],
  );

  const all = await client.getAllocatableResources({});
  assert.deepEqual(plain(all.devices), [
    [gpu, ['a'], [0n]],
    [gpu, ['a'], [1n]],
    [gpu, ['b'], undefined],
    [gpu, ['d'], undefined],
  ]);
  assert.deepEqual([all.cpuIds, all.memory.map(({ size }) => size)], [[1n, 2n, 3n], [1n << 41n]]);

  const { podResources: got } = await client.get({ podName: 'p', podNamespace: 'default' });
  assert.deepEqual(got, pods[0]);
  await assert.rejects(client.get({ podName: 'x', podNamespace: 'default' }), (error) => {
    const rpc = ConnectError.from(error);
    return rpc.code === Code.NotFound && rpc.rawMessage === 'pod x in namespace default not found';
  });

  // What other commands of ours ask a kubelet for.
  const asked = await askedOf(root);
  assert.deepEqual(asked?.get('default/p/one'), { cpus: [2, 3], devices: new Map([[gpu, ['a', 'b']]]) });
});
