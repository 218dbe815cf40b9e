import assert from 'node:assert/strict';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openDevices, sockets, type TestDevices } from '../../test/devices/devices.ts';
import { ScriptedPlugin, type WatchedInfo } from '../../test/devices/scripted-plugin.ts';
import { folderFor, until } from '../../test/runtime.ts';
import { PluginWatcher } from './plugin-watcher.ts';

const gpu = 'vendor.com/gpu';
const info: WatchedInfo = { type: 'DevicePlugin', name: gpu, supportedVersions: ['v1alpha', 'v1beta1'] };

async function watching(t: TestContext): Promise<TestDevices & { plugins: string }> {
  const folder = folderFor(t);
  const node = await openDevices(t, join(folder, 'device-plugins'));
  const plugins = join(folder, 'plugins_registry');
  const log = (_level: string, message: string) => void node.lines.push(message);
  const watcher = new PluginWatcher({ directory: plugins, registry: node.registry, sockets, log });
  const stopping = new AbortController();
  t.after(() => stopping.abort());
  await watcher.start(stopping.signal);
  return { ...node, plugins };
}

test('PluginWatcher takes on a plugin whose socket appears, and lets go of it when that is gone', async (t) => {
  const node = await watching(t);
  const plugin = new ScriptedPlugin(gpu, ['a']);
  plugin.info = info;
  await plugin.serve(t, join(node.plugins, 'gpu.sock'));
  await node.healthy(gpu, 1);
  await until('it is told', () => plugin.notified.length > 0);
  assert.deepEqual(plugin.notified, [{ registered: true, error: '' }]);
  assert.deepEqual(
    plugin.calls.filter((call) => call !== 'ListAndWatch'),
    ['GetInfo', 'GetDevicePluginOptions'],
  );
  renameSync(join(node.plugins, 'gpu.sock'), join(node.plugins, '.hidden'));
  await node.healthy(gpu, 0);
});

test('PluginWatcher follows the endpoint that a plugin names, and looks into folders', async (t) => {
  const node = await watching(t);
  const plugin = new ScriptedPlugin(gpu, ['a', 'b']);
  const endpoint = join(node.directory, 'own.sock');
  await plugin.serve(t, endpoint);
  const announcing = new ScriptedPlugin(gpu, []);
  announcing.info = { ...info, endpoint };
  mkdirSync(join(node.plugins, 'vendor.com'));
  await announcing.serve(t, join(node.plugins, 'vendor.com/reg.sock'));
  await node.healthy(gpu, 2);
  assert.equal(node.registry.resource(gpu)?.session?.socket, endpoint);
});

const refusals: readonly [what: string, change: Partial<WatchedInfo>, error: (path: string) => string][] = [
  [
    'of another version',
    { supportedVersions: ['v1alpha', 'v2'] },
    () =>
      'RegisterPlugin error -- plugin validation failed with err: ' +
      'manager version, v1beta1, is not among plugin supported versions [v1alpha v2]',
  ],
  [
    'with a name that is no resource’s',
    { name: 'gpu' },
    () =>
      'RegisterPlugin error -- plugin validation failed with err: ' +
      'invalid name of device plugin socket: the ResourceName "gpu" is invalid',
  ],
  [
    'of another kind',
    { type: 'CSIPlugin' },
    (path) => `RegisterPlugin error -- no handler registered for plugin type: CSIPlugin at socket ${path}`,
  ],
  [
    'that cannot be reached',
    { endpoint: '/nowhere/plugin.sock' },
    () =>
      'RegisterPlugin error -- plugin registration failed with err: ' +
      'failed to dial device plugin: context deadline exceeded',
  ],
];

for (const [what, change, error] of refusals) {
  test(`PluginWatcher tells a plugin ${what} why it is refused`, async (t) => {
    const node = await watching(t);
    const plugin = new ScriptedPlugin(gpu, ['a']);
    plugin.info = { ...info, ...change };
    const path = join(node.plugins, 'gpu.sock');
    await plugin.serve(t, path);
    const [told] = await until('it is told', () =>
      plugin.notified.length > 0 ? plugin.notified : undefined,
    );
    assert.deepEqual(told, { registered: false, error: error(path) });
    assert.equal(node.registry.resource(gpu), undefined);
    await until('it is logged', () => node.lines.includes(error(path)));
  });
}

test('PluginWatcher tries again what it could not take on', async (t) => {
  const node = await watching(t);
  const plugin = new ScriptedPlugin(gpu, ['a']);
  plugin.info = info;
  plugin.failures.set('GetInfo', 'not yet');
  const path = join(node.plugins, 'gpu.sock');
  await plugin.serve(t, path);
  const line = `RegisterPlugin error -- failed to get plugin info using RPC GetInfo at socket ${path}, err: rpc error: code = Unknown desc = not yet`;
  await until('it is refused', () => node.lines.includes(line));
  plugin.failures.clear();
  await node.healthy(gpu, 1);
});
