import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newPod, openDevices, podOf, signal } from '../../test/devices/devices.ts';
import { ScriptedPlugin } from '../../test/devices/scripted-plugin.ts';
import { folderFor } from '../../test/runtime.ts';
import { deviceList } from './device-list.ts';

const gpu = 'vendor.com/gpu';

test('deviceList tells who has which device, and what nobody has', async (t) => {
  const directory = folderFor(t);
  const node = await openDevices(t, directory);
  const plugin = new ScriptedPlugin(gpu, [{ id: 'a', nodes: [1n] }, 'b', { id: 'c', health: 'hot' }]);
  await plugin.register(t, directory);
  await node.healthy(gpu, 2);
  const pod = podOf('p', { main: { [gpu]: 1 } }, { first: { [gpu]: 1 } });
  await node.manager.admit(pod, newPod('p'), signal);
  const owner = { namespace: 'default', pod: 'p', podUid: 'p' };
  const a = { resource: gpu, id: 'a', health: 'Healthy', numaNodes: [1] };
  const free = [
    { resource: gpu, id: 'b', health: 'Healthy', numaNodes: [] },
    { resource: gpu, id: 'c', health: 'Unhealthy', numaNodes: [] },
  ];
  assert.deepEqual(deviceList(node.registry, [pod]), [
    { ...a, ...owner, container: 'first' },
    { ...a, ...owner, container: 'main' },
    ...free,
  ]);
  // A pod that nobody knows any more.
  const [unknown] = deviceList(node.registry, []);
  assert.deepEqual(unknown, { ...a, podUid: 'p', container: 'first' });
  await node.close();
  // Its plugin has not come back.
  const again = await openDevices(t, directory);
  const listed = deviceList(again.registry, [pod]).map(({ id, health, numaNodes }) => [
    id,
    health,
    numaNodes,
  ]);
  assert.deepEqual(listed, [
    ['a', 'Unknown', [1]],
    ['a', 'Unknown', [1]],
  ]);
});
