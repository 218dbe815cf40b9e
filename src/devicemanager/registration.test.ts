import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Code, ConnectError } from '@connectrpc/connect';
import { openDevices } from '../../test/devices/devices.ts';
import { register, ScriptedPlugin } from '../../test/devices/scripted-plugin.ts';
import { folderFor, until } from '../../test/runtime.ts';

const resource = 'vendor.com/gpu';

async function refused(work: Promise<unknown>, text: string): Promise<void> {
  await assert.rejects(work, (error) => {
    const rpc = ConnectError.from(error);
    assert.equal(rpc.rawMessage, text);
    assert.equal(rpc.code, Code.Unknown);
    return true;
  });
}

test('registration asks for options before it answers, and follows the list then', async (t) => {
  const devices = await openDevices(t, folderFor(t));
  const plugin = new ScriptedPlugin(resource, []);
  await plugin.register(t, devices.directory);
  assert.equal(plugin.calls[0], 'GetDevicePluginOptions');
  await until('the list is followed', () => plugin.calls.includes('ListAndWatch'));
  assert.deepEqual(plugin.calls, ['GetDevicePluginOptions', 'ListAndWatch']);
  plugin.set(['a', { id: 'b', health: 'broken' }, { id: 'c', nodes: [0n, 1n] }]);
  await devices.healthy(resource, 2);
  assert.deepEqual(
    [...(devices.registry.resource(resource)?.devices.values() ?? [])],
    [
      { id: 'a', healthy: true, nodes: [] },
      { id: 'b', healthy: false, nodes: [] },
      { id: 'c', healthy: true, nodes: [0n, 1n] },
    ],
  );
});

test('registration refuses in the kubelet’s words', async (t) => {
  const { directory } = await openDevices(t, folderFor(t));
  const request = { version: 'v1beta1', endpoint: 'x.sock', resourceName: resource };
  await refused(
    register(directory, { ...request, version: 'v1alpha' }),
    'requested API version "v1alpha" is not supported by kubelet. Supported version is ["v1beta1"]',
  );
  await refused(
    register(directory, { ...request, resourceName: 'cpu' }),
    'the ResourceName "cpu" is invalid',
  );
  await refused(
    register(directory, { ...request, resourceName: 'kubernetes.io/gpu' }),
    'the ResourceName "kubernetes.io/gpu" is invalid',
  );
  await refused(register(directory, request), 'failed to dial device plugin: context deadline exceeded');
  const broken = new ScriptedPlugin(resource, []);
  broken.failures.set('GetDevicePluginOptions', 'no options today');
  await refused(
    broken.register(t, directory),
    'failed to get device plugin options: rpc error: code = Unknown desc = no options today',
  );
});

test('registration of a resource that is known takes the place of the plugin before', async (t) => {
  const devices = await openDevices(t, folderFor(t));
  const first = new ScriptedPlugin(resource, ['a']);
  await first.register(t, devices.directory);
  await devices.healthy(resource, 1);
  const second = new ScriptedPlugin(resource, ['a', 'b']);
  await second.serve(t, join(devices.directory, 'second.sock'));
  await register(devices.directory, { version: 'v1beta1', endpoint: 'second.sock', resourceName: resource });
  await devices.healthy(resource, 2);
  first.set([]);
  await first.stop();
  // The old one's end takes nothing away.
  second.set(['a', 'b', 'c']);
  await devices.healthy(resource, 3);
});

/** A socket whose server is gone, as a crash leaves it. */
async function deadSocket(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(`${path}.alive`, done));
  // Node takes a socket away by its name when it closes it.
  renameSync(`${path}.alive`, path);
  await new Promise<void>((done) => server.close(() => done()));
  assert.ok(existsSync(path));
}

test('prepareDirectory removes sockets, leaves files and folders, and marks the directory', async (t) => {
  const directory = folderFor(t);
  await deadSocket(join(directory, 'old.sock'));
  mkdirSync(join(directory, 'folder'));
  writeFileSync(join(directory, 'file.sock'), 'x');
  symlinkSync('/nowhere', join(directory, 'dangling'));
  await openDevices(t, directory);
  assert.deepEqual(
    readdirSync(directory)
      .filter((name) => !name.startsWith('.'))
      .sort(),
    ['DEPRECATION', 'dangling', 'file.sock', 'folder', 'kubelet.sock'],
  );
});
