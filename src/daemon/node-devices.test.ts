import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { newPod, podOf, signal } from '../../test/devices/devices.ts';
import { ScriptedPlugin } from '../../test/devices/scripted-plugin.ts';
import { atEnd, folderFor, until } from '../../test/runtime.ts';
import { DeviceMetrics } from '../devicemanager/device-metrics.ts';
import { noCpuAndMemory } from '../devicemanager/pod-resources.ts';
import { messageOf } from '../errors/coded-error.ts';
import { openNodeDevices } from './node-devices.ts';

const gpu = 'vendor.com/gpu';
const metrics = new DeviceMetrics();

test('openNodeDevices leaves a kubelet’s plugins and files alone, and says so to pods that want devices', async (t) => {
  const root = folderFor(t);
  const directory = join(root, 'device-plugins');
  // Whoever answers there is the kubelet.
  const kubelet = new ScriptedPlugin(gpu, ['a']);
  await kubelet.serve(t, join(directory, 'kubelet.sock'));
  const plugin = new ScriptedPlugin(gpu, ['a']);
  await plugin.serve(t, join(directory, 'plugin.sock'));
  writeFileSync(join(directory, 'kubelet_internal_checkpoint'), 'not ours');
  const before = readdirSync(directory);
  const lines: string[] = [];
  const devices = await openNodeDevices(root, metrics, (_level, message) => void lines.push(message));
  const pods = { records: () => [], reconsider: () => undefined };
  await devices.start(pods, noCpuAndMemory);
  atEnd(t, () => devices.close());
  assert.deepEqual(readdirSync(directory), before);
  assert.equal(readFileSync(join(directory, 'kubelet_internal_checkpoint'), 'utf8'), 'not ours');
  assert.match(
    lines.join(),
    /^no devices are given to pods: a kubelet works with .* \(a process answers on /,
  );
  await assert.rejects(
    devices.resources.admit(podOf('p', { c: { [gpu]: 1 } }), newPod('p'), signal),
    (error) =>
      messageOf(error).startsWith(`cannot allocate unregistered device ${gpu}: a kubelet works with`),
  );
  await devices.resources.admit(podOf('q', { c: {} }), newPod('q'), signal);
});

test('openNodeDevices serves plugins, PodResources and the watched directory, and tries pods again', async (t) => {
  const root = folderFor(t);
  const lines: string[] = [];
  const devices = await openNodeDevices(root, metrics, (_level, message) => void lines.push(message));
  let tried = 0;
  const pods = {
    records: () => [],
    reconsider: () => {
      tried++;
    },
  };
  await devices.start(pods, noCpuAndMemory);
  atEnd(t, () => devices.close());
  assert.ok(readdirSync(join(root, 'pod-resources')).includes('kubelet.sock'));
  assert.ok(readdirSync(root).includes('plugins_registry'));
  await new ScriptedPlugin(gpu, ['a']).register(t, join(root, 'device-plugins'));
  await until('it is listed', () => devices.list(pods).length === 1);
  await until('pods are tried again', () => tried > 0);
});

test('openNodeDevices goes on where no socket can have its path, and says why', async (t) => {
  const root = join(folderFor(t), 'x'.repeat(100));
  mkdirSync(root);
  const lines: string[] = [];
  const devices = await openNodeDevices(root, metrics, (_level, message) => void lines.push(message));
  atEnd(t, () => devices.close());
  await devices.start({ records: () => [], reconsider: () => undefined }, noCpuAndMemory);
  assert.match(lines.join(), /^device plugins cannot register: listening on .*at most 107 bytes$/);
  await assert.rejects(devices.resources.admit(podOf('p', { c: { [gpu]: 1 } }), newPod('p'), signal), {
    message: `cannot allocate unregistered device ${gpu}`,
  });
});
