import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { newPod, openDevices, podOf, signal, type TestDevices } from '../../test/devices/devices.ts';
import { type ScriptedDevice, ScriptedPlugin } from '../../test/devices/scripted-plugin.ts';
import { folderFor, until } from '../../test/runtime.ts';
import { messageOf } from '../errors/coded-error.ts';
import { exposition } from '../metrics/registry.ts';
import type { Pod } from '../pods/pod.ts';
import { idsOf } from './allocations.ts';

const gpu = 'vendor.com/gpu';
const nic = 'vendor.com/nic';

async function withPlugin(
  t: TestContext,
  devices: readonly (ScriptedDevice | string)[],
  options: Partial<ScriptedPlugin['options']> = {},
): Promise<TestDevices & { plugin: ScriptedPlugin }> {
  const node = await openDevices(t, folderFor(t));
  const plugin = new ScriptedPlugin(gpu, devices);
  Object.assign(plugin.options, options);
  await plugin.register(t, node.directory);
  const healthy = devices.filter((device) => typeof device === 'string' || !device.health);
  await node.healthy(gpu, healthy.length);
  await until('the list is there', () => node.registry.resource(gpu)?.devices.size === devices.length);
  return { ...node, plugin };
}

/** Ids by container of a pod. */
function owned({ registry }: TestDevices, uid: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const item of registry.allocations()) {
    if (item.PodUID === uid)
      found[item.ContainerName] = [...(found[item.ContainerName] ?? []), ...idsOf(item)];
  }
  return found;
}

async function rejected(node: TestDevices, pod: Pod, text: string, others: readonly string[] = []) {
  const before = node.registry.allocations();
  await assert.rejects(
    node.manager.admit(pod, newPod(pod.metadata.uid, others), signal),
    (error) => messageOf(error) === text,
  );
  assert.deepEqual(node.registry.allocations(), before, 'nothing is set aside');
}

test('admit sets devices aside once, and grant gives what the plugin said', async (t) => {
  const node = await withPlugin(t, ['a', 'b', 'c']);
  const pod = podOf('p', { one: { [gpu]: 2 }, two: { [gpu]: 1 }, none: {} });
  await node.manager.admit(pod, newPod('p'), signal);
  assert.deepEqual(owned(node, 'p'), { one: ['a', 'b'], two: ['c'] });
  assert.deepEqual(
    node.plugin.calls.filter((call) => call.startsWith('Allocate')),
    ['Allocate a,b', 'Allocate c'],
  );
  const [one, , none] = pod.spec.containers;
  assert.ok(one && none);
  assert.deepEqual(await node.manager.grant(pod, one, signal), {
    envs: { GPU_IDS: 'a,b' },
    mounts: [{ containerPath: '/lib/gpu', hostPath: '/opt/gpu', readOnly: true }],
    devices: [
      { containerPath: '/dev/a', hostPath: '/dev/a', permissions: 'rw' },
      { containerPath: '/dev/b', hostPath: '/dev/b', permissions: 'rw' },
    ],
    annotations: { gpu: 'a,b' },
    cdiDevices: [`${gpu}=a`, `${gpu}=b`],
    cpusetCpus: '',
    cpusetMems: '',
  });
  assert.deepEqual((await node.manager.grant(pod, none, signal)).devices, []);
  // Again, as after a crash: the same, without asking the plugin.
  await node.manager.admit(pod, newPod('p'), signal);
  assert.deepEqual(owned(node, 'p'), { one: ['a', 'b'], two: ['c'] });
  assert.equal(node.plugin.calls.filter((call) => call.startsWith('Allocate')).length, 2);
  await node.manager.release('p');
  assert.deepEqual(owned(node, 'p'), {});
  const told = exposition(node.registry.metrics.all);
  assert.match(told, /^kubelet_device_plugin_registration_total\{resource_name="vendor\.com\/gpu"\} 1$/m);
  assert.match(
    told,
    /^kubelet_device_plugin_alloc_duration_seconds_count\{resource_name="vendor\.com\/gpu"\} 2$/m,
  );
});

test('admit refuses in the kubelet’s words and sets nothing aside', async (t) => {
  const node = await withPlugin(t, ['a', 'b', { id: 'c', health: 'Unhealthy' }]);
  await rejected(
    node,
    podOf('p', { one: { [gpu]: 1 }, two: { [gpu]: 2 } }),
    `requested number of devices unavailable for ${gpu}. Requested: 2, Available: 1`,
  );
  await rejected(node, podOf('q', { c: { [nic]: 1 } }), `cannot allocate unregistered device ${nic}`);
  node.plugin.failures.set('Allocate', 'it is hot');
  await rejected(node, podOf('r', { c: { [gpu]: 1 } }), 'rpc error: code = Unknown desc = it is hot');
  node.plugin.failures.clear();
  node.plugin.answers = false;
  await rejected(
    node,
    podOf('s', { c: { [gpu]: 1 } }),
    'no containers return in allocation response &AllocateResponse{ContainerResponses:[]*ContainerAllocateResponse{},}',
  );
  node.plugin.answers = true;
  const pod = podOf('u', { c: { [gpu]: 2 } });
  await node.manager.admit(pod, newPod('u'), signal);
  await rejected(
    node,
    podOf('u', { c: { [gpu]: 3 } }),
    `pod "u" container "c" changed request for resource "${gpu}" from 2 to 3`,
  );
  node.plugin.set(['a', { id: 'b', health: 'Unhealthy' }]);
  await node.healthy(gpu, 1);
  await rejected(
    node,
    pod,
    `previously allocated devices are no longer healthy; cannot allocate unhealthy devices ${gpu}`,
  );
  node.plugin.set([]);
  await node.healthy(gpu, 0);
  await rejected(
    node,
    podOf('v', { c: { [gpu]: 1 } }),
    `no healthy devices present; cannot allocate unhealthy devices ${gpu}`,
    ['u'],
  );
});

test('admit takes the advice of the plugin as far as it goes', async (t) => {
  const node = await withPlugin(t, ['a', 'b', 'c', 'd'], { getPreferredAllocationAvailable: true });
  node.plugin.preferred = ['x', 'd', 'b'];
  await node.manager.admit(podOf('p', { c: { [gpu]: 3 } }), newPod('p'), signal);
  assert.ok(node.plugin.calls.includes('GetPreferredAllocation a,b,c,d must  size 3'));
  assert.deepEqual(owned(node, 'p'), { c: ['d', 'b', 'a'] });
  node.plugin.failures.set('GetPreferredAllocation', 'no advice');
  await rejected(
    node,
    podOf('q', { c: { [gpu]: 1 } }),
    'device plugin GetPreferredAllocation rpc failed with err: rpc error: code = Unknown desc = no advice',
    ['p'],
  );
});

test('admit uses the devices of init containers again', async (t) => {
  const node = await withPlugin(t, ['a', 'b', 'c']);
  const pod = podOf(
    'p',
    { one: { [gpu]: 1 }, two: { [gpu]: 2 } },
    { first: { [gpu]: 2 }, second: { [gpu]: 1 } },
  );
  await node.manager.admit(pod, newPod('p'), signal);
  assert.deepEqual(owned(node, 'p'), { first: ['a', 'b'], second: ['a'], one: ['a'], two: ['b', 'c'] });
});

test('admit keeps what a container works with on one NUMA node where it can', async (t) => {
  const node = await withPlugin(t, [{ id: 'far', nodes: [0n] }, { id: 'none' }, { id: 'near', nodes: [1n] }]);
  const card = new ScriptedPlugin(nic, [{ id: 'n', nodes: [1n] }]);
  await card.register(t, node.directory);
  await node.healthy(nic, 1);
  await node.manager.admit(podOf('p', { c: { [nic]: 1, [gpu]: 1 } }), newPod('p'), signal);
  assert.deepEqual(owned(node, 'p'), { c: ['n', 'near'] });
  const numa = node.registry.allocations().map((item) => [...(item.DeviceIDs?.keys() ?? [])]);
  assert.deepEqual(numa, [[1n], [1n]]);
});

test('admit takes back what pods had that have ended', async (t) => {
  const node = await withPlugin(t, ['a']);
  await node.manager.admit(podOf('old', { c: { [gpu]: 1 } }), newPod('old'), signal);
  await rejected(
    node,
    podOf('new', { c: { [gpu]: 1 } }),
    `requested number of devices unavailable for ${gpu}. Requested: 1, Available: 0`,
    ['old'],
  );
  await node.manager.admit(podOf('new', { c: { [gpu]: 1 } }), newPod('new'), signal);
  assert.deepEqual([owned(node, 'old'), owned(node, 'new')], [{}, { c: ['a'] }]);
});

test('grant calls PreStartContainer each time where the plugin asks for it', async (t) => {
  const node = await withPlugin(t, ['a'], { preStartRequired: true });
  const pod = podOf('p', { c: { [gpu]: 1 } });
  await node.manager.admit(pod, newPod('p'), signal);
  const [container] = pod.spec.containers;
  assert.ok(container);
  await node.manager.grant(pod, container, signal);
  await node.manager.grant(pod, container, signal);
  const calls = node.plugin.calls.filter((call) => call.startsWith('PreStart'));
  assert.deepEqual(calls, ['PreStartContainer a', 'PreStartContainer a']);
  node.plugin.failures.set('PreStartContainer', 'not reset');
  await assert.rejects(node.manager.grant(pod, container, signal), {
    message:
      'device plugin PreStartContainer rpc failed with err: rpc error: code = Unknown desc = not reset',
  });
});

test('grant gives devices to a container that was admitted while it ran and has none', async (t) => {
  const node = await withPlugin(t, ['a']);
  const pod = podOf('p', { c: { [gpu]: 1 } });
  await node.manager.admit(pod, newPod('p', [], ['c']), signal);
  assert.deepEqual(owned(node, 'p'), {});
  const [container] = pod.spec.containers;
  assert.ok(container);
  assert.deepEqual((await node.manager.grant(pod, container, signal)).envs, { GPU_IDS: 'a' });
  assert.deepEqual(owned(node, 'p'), { c: ['a'] });
});

test('two pods that come at once never get one device', async (t) => {
  const node = await withPlugin(t, ['a', 'b', 'c', 'd']);
  const uids = ['p', 'q', 'r', 's', 't', 'u'];
  const ends = await Promise.allSettled(
    uids.map((uid) => node.manager.admit(podOf(uid, { c: { [gpu]: 1 } }), newPod(uid, uids), signal)),
  );
  assert.equal(ends.filter(({ status }) => status === 'fulfilled').length, 4);
  assert.deepEqual(
    node.registry
      .allocations()
      .flatMap((item) => [...idsOf(item)])
      .sort(),
    ['a', 'b', 'c', 'd'],
  );
});

test('a plugin that hangs holds up no pod that wants nothing of it', async (t) => {
  const node = await withPlugin(t, ['a']);
  let answer = () => {};
  node.plugin.hold = new Promise((done) => {
    answer = done;
  });
  const waiting = node.manager.admit(podOf('p', { c: { [gpu]: 1 } }), newPod('p'), signal);
  await until('the plugin is asked', () => node.plugin.calls.includes('Allocate a'));
  const plain = podOf('q', { c: {} });
  await node.manager.admit(plain, newPod('q', ['p']), signal);
  const [container] = plain.spec.containers;
  assert.ok(container);
  assert.deepEqual((await node.manager.grant(plain, container, signal)).devices, []);
  await node.manager.release('q');
  answer();
  await waiting;
  assert.deepEqual(owned(node, 'p'), { c: ['a'] });
});
