import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { newPod, openDevices, podOf, signal, sockets, type TestDevices } from '../../test/devices/devices.ts';
import { ScriptedPlugin } from '../../test/devices/scripted-plugin.ts';
import { folderFor, until } from '../../test/runtime.ts';
import { KeptValue } from '../checkpointmanager/defined-checkpoint.ts';
import { CheckpointManager } from '../checkpointmanager/manager.ts';
import { MemoryStore } from '../checkpointmanager/memory-store.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { type DeviceManagerState, deviceManager } from '../kubeletstate/device-manager.ts';
import { idsOf, stateOf } from './allocations.ts';
import { DeviceManager } from './device-manager.ts';
import { DeviceMetrics } from './device-metrics.ts';
import { DeviceRegistry } from './device-registry.ts';
import { gracePeriod } from './resource.ts';

const gpu = 'vendor.com/gpu';
const minute = 60_000;

function fileOf(directory: string): string {
  return join(directory, 'kubelet_internal_checkpoint');
}

function stateIn(directory: string): DeviceManagerState['Data'] {
  return deviceManager.decode(readFileSync(fileOf(directory))).Data;
}

async function withPlugin(
  t: TestContext,
  directory: string,
  now?: () => number,
): Promise<TestDevices & { plugin: ScriptedPlugin }> {
  const node = await openDevices(t, directory, now);
  const plugin = new ScriptedPlugin(gpu, [{ id: 'a', nodes: [1n] }, 'b']);
  await plugin.register(t, directory);
  await node.healthy(gpu, 2);
  return { ...node, plugin };
}

test('the state file is the kubelet’s: every list and every allocation is in it before it counts', async (t) => {
  const node = await withPlugin(t, folderFor(t));
  await until('the list is written', () => stateIn(node.directory).RegisteredDevices?.get(gpu)?.length === 2);
  assert.equal(statSync(fileOf(node.directory)).mode & 0o777, 0o600);
  await node.manager.admit(podOf('p', { c: { [gpu]: 2 } }), newPod('p'), signal);
  const [entry] = stateIn(node.directory).PodDeviceEntries ?? [];
  assert.ok(entry);
  const { PodUID, ContainerName, ResourceName, DeviceIDs } = entry;
  assert.deepEqual(
    { PodUID, ContainerName, ResourceName, DeviceIDs },
    {
      PodUID: 'p',
      ContainerName: 'c',
      ResourceName: gpu,
      DeviceIDs: new Map([
        [-1n, ['b']],
        [1n, ['a']],
      ]),
    },
  );
  // As kubelets before 1.36 read it too: version 2, with their checksum.
  assert.deepEqual(
    deviceManager.inspect(readFileSync(fileOf(node.directory))).map(({ version, valid }) => [version, valid]),
    [
      ['v2', true],
      ['v1', false],
    ],
  );
  node.plugin.set(['b']);
  await until('the shorter list is written', () => {
    const written = stateIn(node.directory).RegisteredDevices?.get(gpu);
    return written?.length === 1;
  });
  await node.manager.release('p');
  assert.equal(stateIn(node.directory).PodDeviceEntries?.length ?? 0, 0);
});

test('after a restart resources are known with no devices, and what was given stays given', async (t) => {
  const directory = folderFor(t);
  const first = await withPlugin(t, directory);
  const pod = podOf('p', { c: { [gpu]: 1 } });
  await first.manager.admit(pod, newPod('p'), signal);
  const [had] = first.registry.allocations();
  assert.ok(had);
  await first.close();

  const second = await openDevices(t, directory);
  assert.deepEqual(second.registry.resource(gpu)?.devices.size, 0);
  assert.deepEqual(second.registry.allocations().map(idsOf), [idsOf(had)]);
  // It runs on, and is made again as it was, while nobody has the plugin.
  await second.manager.admit(pod, newPod('p', [], ['c']), signal);
  const [container] = pod.spec.containers;
  assert.ok(container);
  assert.deepEqual((await second.manager.grant(pod, container, signal)).envs, {
    GPU_IDS: [...idsOf(had)].join(),
  });
  const none = `no healthy devices present; cannot allocate unhealthy devices ${gpu}`;
  const rejection = second.manager.admit(podOf('q', { c: { [gpu]: 1 } }), newPod('q', ['p']), signal);
  await assert.rejects(rejection, (error) => messageOf(error) === none);
  // The plugin comes back: what is given stays away from others.
  first.plugin.calls.length = 0;
  await first.plugin.stop();
  await first.plugin.register(t, directory);
  await second.healthy(gpu, 2);
  await second.manager.admit(podOf('q', { c: { [gpu]: 1 } }), newPod('q', ['p']), signal);
  const all = second.registry.allocations().flatMap((item) => [...idsOf(item)]);
  assert.deepEqual(all.sort(), ['a', 'b']);
});

test('a plugin that is gone leaves its devices unhealthy, and after five minutes its resource is dropped', async (t) => {
  let time = 1_000_000;
  const node = await withPlugin(t, folderFor(t), () => time);
  await node.manager.admit(podOf('p', { c: { [gpu]: 1 } }), newPod('p'), signal);
  await node.plugin.stop();
  await node.healthy(gpu, 0);
  assert.equal(node.registry.resource(gpu)?.devices.size, 2, 'they still count');
  time += gracePeriod;
  await node.registry.dropExpired();
  assert.ok(node.registry.resource(gpu));
  time += 1;
  await node.registry.dropExpired();
  assert.equal(node.registry.resource(gpu), undefined);
  const { RegisteredDevices, PodDeviceEntries } = stateIn(node.directory);
  assert.deepEqual([RegisteredDevices?.size, PodDeviceEntries?.length], [0, 1]);
  const pod = podOf('p', { c: { [gpu]: 1 } });
  const [container] = pod.spec.containers;
  assert.ok(container);
  await assert.rejects(node.manager.grant(pod, container, signal), {
    message: `endpoint not found in cache for a registered resource: ${gpu}`,
  });
});

test('a plugin that comes back within five minutes keeps its resource', async (t) => {
  let time = 1_000_000;
  const node = await withPlugin(t, folderFor(t), () => time);
  await node.plugin.stop();
  await node.healthy(gpu, 0);
  time += 4 * minute;
  await node.plugin.register(t, node.directory);
  await node.healthy(gpu, 2);
  time += 4 * minute;
  await node.registry.dropExpired();
  assert.equal(node.registry.resource(gpu)?.healthy().length, 2);
});

test('a resource that no plugin brings back after a restart is dropped after five minutes', async (t) => {
  let time = 1_000_000;
  const directory = folderFor(t);
  const first = await withPlugin(t, directory, () => time);
  await until('it is written', () => stateIn(directory).RegisteredDevices?.has(gpu));
  await first.close();
  const second = await openDevices(t, directory, () => time);
  time += gracePeriod + 1;
  await second.registry.dropExpired();
  assert.equal(second.registry.resource(gpu), undefined);
});

test('a file of version 1 is read: its devices are on NUMA node 0, and the next write is version 2', async (t) => {
  const directory = folderFor(t);
  const entry = { PodUID: 'p', ContainerName: 'c', ResourceName: gpu, DeviceIDs: ['a'], AllocResp: null };
  const value = {
    Data: { PodDeviceEntries: [entry], RegisteredDevices: new Map([[gpu, ['a', 'b']]]) },
    Checksum: 0n,
  };
  writeFileSync(fileOf(directory), deviceManager.encode(value, 'v1'));
  const node = await withPlugin(t, directory);
  assert.deepEqual(
    node.registry.allocations().map(({ DeviceIDs }) => DeviceIDs),
    [new Map([[0n, ['a']]])],
  );
  await node.manager.admit(podOf('q', { c: { [gpu]: 1 } }), newPod('q', ['p']), signal);
  assert.equal(deviceManager.inspect(readFileSync(fileOf(directory)))[0]?.valid, true);
  assert.deepEqual(
    node.registry.allocations().map((item) => [...idsOf(item)]),
    [['a'], ['b']],
  );
});

for (const [what, bytes] of [
  ['cut off', '{"Data":{"PodDeviceEntries":'],
  ['empty', ''],
  ['with a wrong checksum', '{"Data":{"PodDeviceEntries":null,"RegisteredDevices":{}},"Checksum":1}'],
] as const) {
  test(`a state file that is ${what} is set aside, told, and done without`, async (t) => {
    const directory = folderFor(t);
    writeFileSync(fileOf(directory), bytes);
    const node = await withPlugin(t, directory);
    assert.match(node.lines[0] ?? '', /^Continue after failing to read checkpoint file\. /);
    const aside = readdirSync(directory).find((name) => name.includes('.corrupt-'));
    assert.equal(aside && readFileSync(join(directory, aside), 'utf8'), bytes);
    await node.manager.admit(podOf('p', { c: { [gpu]: 2 } }), newPod('p'), signal);
    assert.equal(stateIn(directory).PodDeviceEntries?.length, 1);
  });
}

test('an allocation that cannot be written is none', async (t) => {
  const directory = folderFor(t);
  /** A store on a disk that is full when the test says so. */
  class FullStore extends MemoryStore {
    full = false;
    override async write(key: string, bytes: Uint8Array): Promise<void> {
      if (this.full) throw new CodedError('resource-exhausted', 'no space left on device');
      await super.write(key, bytes);
    }
  }
  const store = new FullStore();
  const state = await KeptValue.open(
    new CheckpointManager(store),
    'kubelet_internal_checkpoint',
    deviceManager,
    stateOf([], new Map()),
  );
  const plugin = new ScriptedPlugin(gpu, ['a']);
  await plugin.serve(t, join(directory, 'plugin.sock'));
  const log = () => undefined;
  const registry = new DeviceRegistry({ state, sockets, log, metrics: new DeviceMetrics(), now: Date.now });
  await registry.connect(gpu, join(directory, 'plugin.sock'), signal);
  await until('it is there', () => registry.resource(gpu)?.healthy().length === 1);
  const manager = new DeviceManager(registry, log);
  store.full = true;
  await assert.rejects(manager.admit(podOf('p', { c: { [gpu]: 1 } }), newPod('p'), signal), /no space left/);
  assert.deepEqual(registry.allocations(), []);
  store.full = false;
  await manager.admit(podOf('q', { c: { [gpu]: 1 } }), newPod('q', ['p']), signal);
  assert.equal(registry.allocations().length, 1);
  await registry.close();
});
