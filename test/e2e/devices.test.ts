import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import type { DeviceSummary } from '../../src/api/stasis.ts';
import { podResources } from '../../src/runtime/cri/pod-resources.ts';
import { ScriptedPlugin } from '../devices/scripted-plugin.ts';
import { startContainerd } from '../engines/containerd.ts';
import { makeRootfs, writeImage } from '../engines/image.ts';
import { atEnd, folderFor, needsRuntime, project, runFor, startFor, until } from '../runtime.ts';
import { signal, TestNode } from './node.ts';

const rootfs = join(mkdtempSync(join(tmpdir(), 'stasis-image-')), 'rootfs');
before(async () => {
  if (!needsRuntime.skip) await makeRootfs(rootfs, []);
});

/** Device files that every machine here has. */
const paths = ['/dev/fuse', '/dev/net/tun'];
const resource = 'example.com/device';

/** A pod that tells what device it has, at each run of its container. */
const pod = (name: string, wanted: number, variable = 'EXAMPLE_COM_DEVICE', of = resource) => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: rootdir:${rootfs}
    command: [/bin/sh, -c, 'echo $${variable}; for d in $(echo $${variable} | tr , " "); do stat -c "%F %t:%T" $d; done; while :; do sleep 0.1; done']
    resources: {limits: {${of}: ${wanted}}}
`;

function examplePlugin(t: TestContext, node: TestNode, given: readonly string[] = paths) {
  const directory = join(node.root, 'device-plugins');
  const plugin = join(project, 'examples/device-plugin/plugin.ts');
  const args = [plugin, '--resource', resource, '--directory', directory, ...given];
  const child = startFor(t, process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  return { child, registrations: () => out.split('\n').length - 1 };
}

/** The schemas of a folder in the form in which other languages read them. */
function descriptorsOf(t: TestContext, folder: string): string {
  const file = join(folderFor(t), 'descriptors.binpb');
  const proto = join(project, 'proto');
  const args = ['build', proto, '--path', join(proto, folder), '-o', file];
  const built = spawnSync(join(project, 'node_modules/.bin/buf'), args, { encoding: 'utf8' });
  assert.equal(built.status, 0, built.stderr);
  return file;
}

async function devices(node: TestNode): Promise<DeviceSummary[]> {
  return (await node.client().devices(signal())).items;
}

/** `character special file 10:229`, as `stat` in a container says it of a file of the host. */
function described(path: string): string {
  const rdev = BigInt(statSync(path).rdev);
  const major = (rdev >> 8n) & 0xfffn;
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffff_ffffn);
  return `character special file ${major.toString(16)}:${minor.toString(16)}`;
}

test(
  'a container has the device of a real plugin, also after its daemon was killed and the plugin came back',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    node.manifest('a', pod('a', 1));
    await node.start();
    const waiting = await until(
      'the pod waits for its device',
      async () => (await node.pod('a'))?.message || undefined,
    );
    assert.equal(
      waiting,
      `UnexpectedAdmissionError: Allocate failed due to cannot allocate unregistered device ${resource}, which is unexpected`,
    );
    const plugin = examplePlugin(t, node);
    const first = await node.running('a', 'c');
    assert.deepEqual(
      await until('it tells', () => {
        const lines = node.output('a', 'c');
        return lines.length === 2 ? lines : undefined;
      }),
      ['/dev/fuse', described('/dev/fuse')],
    );
    const [fuse, tun] = await devices(node);
    assert.equal(fuse?.pod, 'a');
    assert.deepEqual([fuse?.id, tun?.id, tun?.pod], ['fuse', 'net-tun', undefined]);

    const registrations = plugin.registrations();
    await node.stop('SIGKILL');
    await node.start();
    assert.equal((await node.running('a', 'c')).id, first.id, 'nothing is started twice');
    await until('the plugin has come back', () => plugin.registrations() > registrations);
    // Another pod gets the other device, a third one none.
    node.manifest('b', pod('b', 1));
    await node.running('b', 'c');
    node.manifest('c', pod('c', 1));
    const third = await until('the third is refused', async () => {
      const found = await node.pod('c');
      return found?.message ? found : undefined;
    });
    assert.equal(
      third.message,
      `UnexpectedAdmissionError: Allocate failed due to requested number of devices unavailable for ${resource}. ` +
        'Requested: 1, Available: 0, which is unexpected',
    );
    assert.deepEqual(
      (await devices(node)).map(({ id, pod: owner }) => [id, owner]),
      [
        ['fuse', 'a'],
        ['net-tun', 'b'],
      ],
    );
    const { stdout } = await node.stasis('get', 'devices');
    assert.match(stdout, /^RESOURCE .*\nexample.com\/device +fuse +Healthy +- +default\/a +c\n/);
    assert.deepEqual(
      (await podResources(node.root))?.get('default/b/c')?.devices,
      new Map([[resource, ['net-tun']]]),
    );
    // What one pod leaves, the one that waits gets.
    rmSync(join(node.manifests, 'a.yaml'));
    await node.running('c', 'c');
    assert.deepEqual(
      (await devices(node)).map(({ id, pod: owner }) => [id, owner]),
      [
        ['fuse', 'c'],
        ['net-tun', 'b'],
      ],
    );
  },
);

test(
  'a container that is started again has the same device while its plugin is gone',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    node.manifest('a', pod('a', 1).replace('while :; do sleep 0.1; done', 'sleep 0.3'));
    await node.start();
    const plugin = examplePlugin(t, node);
    await until('it ran', () => node.output('a', 'c').length >= 2);
    plugin.child.kill('SIGKILL');
    await node.stop('SIGKILL');
    await node.start();
    await until('it runs again', () => node.output('a', 'c').length >= 4);
    assert.deepEqual(new Set(node.output('a', 'c')), new Set(['/dev/fuse', described('/dev/fuse')]));
  },
);

test('a plugin in Python, over another implementation of gRPC, gives its device', needsRuntime, async (t) => {
  const node = new TestNode(t);
  await node.start();
  const descriptors = descriptorsOf(t, 'deviceplugin');
  const program = join(project, 'test/devices/plugin.py');
  const directory = join(node.root, 'device-plugins');
  const name = 'example.org/python';
  const child = startFor(t, 'python3', ['-B', program, descriptors, directory, name, ...paths], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  await until('it has registered', () => out.includes('registered\n'));
  assert.equal(
    out.split('\n')[0],
    'refused UNKNOWN requested API version "v1alpha" is not supported by kubelet. Supported version is ["v1beta1"]',
  );
  node.manifest('p', pod('p', 1, 'PYTHON_DEVICES', name));
  await node.running('p', 'c');
  // The last of its list is what it prefers.
  await until('it tells', () => node.output('p', 'c').length === 2);
  assert.deepEqual(node.output('p', 'c'), ['/dev/tun', described('/dev/net/tun')]);
  assert.match(out, /prestart net-tun\n/);
  // And what a monitor in Python is told.
  const asking = join(project, 'test/devices/pod_resources.py');
  const socket = join(node.root, 'pod-resources/kubelet.sock');
  const told = await runFor(t, 'python3', ['-B', asking, descriptorsOf(t, 'podresources'), socket]);
  assert.equal(told.stderr, '');
  assert.deepEqual(told.stdout.trim().split('\n'), [
    `has default p c ${name} net-tun`,
    `could have ${name} fuse`,
    `could have ${name} net-tun`,
    'NOT_FOUND pod x in namespace default not found',
  ]);
});

test(
  'a drained pod continues with its device when the plugin is back after a restart',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    const counting = 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done';
    node.manifest('a', pod('a', 1).replace('while :; do sleep 0.1; done', counting));
    node.manifest('b', pod('b', 1));
    await node.start();
    const plugin = examplePlugin(t, node);
    await until('it counts', () => node.output('a', 'c').length > 6);
    await node.running('b', 'c');
    const [fuse, tun] = await devices(node);
    assert.equal((await node.stasis('drain')).status, 0);
    const last = Number(node.output('a', 'c').at(-1));
    plugin.child.kill('SIGKILL');
    await node.stop('SIGKILL');
    await node.start();
    const waiting = await until(
      'it waits for its device',
      async () => (await node.pod('a'))?.message || undefined,
    );
    assert.equal(
      waiting,
      'UnexpectedAdmissionError: Allocate failed due to no healthy devices present; ' +
        `cannot allocate unhealthy devices ${resource}, which is unexpected`,
    );
    examplePlugin(t, node);
    await node.running('a', 'c');
    await node.running('b', 'c');
    const all = await until('it counts on', () => {
      const numbers = node.output('a', 'c').map(Number);
      return Math.max(...numbers.filter((number) => number > 0)) > last ? numbers : undefined;
    });
    assert.equal(all.filter((number) => number === 1).length, 1, 'it has not begun again');
    assert.deepEqual(
      (await devices(node)).map(({ pod: owner }) => owner),
      [fuse?.pod, tun?.pod],
    );
    assert.equal((await node.pod('a'))?.restored, true);
  },
);

test(
  'a daemon killed again and again while pods come and go gives no device twice',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    const four = [...paths, '/dev/kmsg', '/dev/userfaultfd'];
    await node.start();
    examplePlugin(t, node, four);
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const name of names) node.manifest(name, pod(name, 1));
    for (let round = 0; round < 6; round++) {
      // Another moment each time: of the start, of an admission, of a container's creation, of a removal.
      await new Promise((done) => setTimeout(done, 150 * round));
      await node.stop('SIGKILL');
      await node.start();
      const name = names[round % names.length] ?? '';
      if (existsSync(join(node.manifests, `${name}.yaml`))) rmSync(join(node.manifests, `${name}.yaml`));
      else node.manifest(name, pod(name, 1));
      const owned = (await devices(node)).filter(({ podUid }) => podUid !== undefined);
      assert.equal(new Set(owned.map(({ id }) => id)).size, owned.length, 'a device has two owners');
    }
    for (const name of names) node.manifest(name, pod(name, 1));
    const running = await until('four pods run', async () => {
      const found = (await node.pods()).filter(({ phase }) => phase === 'Running');
      return found.length === 4 ? found : undefined;
    });
    // What each container says that it has is what the node says, and nobody else has it.
    const said = new Map(
      running.map(({ name }) => [
        name,
        node
          .output(name, 'c')
          .filter((line) => line.startsWith('/'))
          .at(-1),
      ]),
    );
    assert.equal(new Set(said.values()).size, 4, JSON.stringify([...said]));
    const known = new Map(
      (await devices(node)).map(({ id, pod: owner }) => [owner ?? '', `/dev/${id.split('-').at(-1)}`]),
    );
    assert.deepEqual(new Map([...known].sort()), new Map([...said].sort()));
  },
);

test('a container gets what the Container Device Interface says of its device', needsRuntime, async (t) => {
  const node = new TestNode(t);
  await node.start();
  mkdirSync('/etc/cdi', { recursive: true });
  const edits = {
    env: ['CDI_DEVICE=/dev/from-cdi'],
    deviceNodes: [{ path: '/dev/from-cdi', hostPath: '/dev/fuse' }],
  };
  const spec = {
    cdiVersion: '0.6.0',
    kind: 'example.net/cdi',
    devices: [{ name: 'fuse', containerEdits: edits }],
  };
  writeFileSync('/etc/cdi/example.json', JSON.stringify(spec));
  atEnd(t, () => rmSync('/etc/cdi/example.json'));
  class CdiPlugin extends ScriptedPlugin {
    override allocation(ids: readonly string[]) {
      const cdiDevices = ids.map((id) => ({ name: `example.net/cdi=${id}` }));
      return { envs: {}, mounts: [], devices: [], annotations: {}, cdiDevices };
    }
  }
  const plugin = new CdiPlugin('example.net/cdi', ['fuse', 'nowhere']);
  await plugin.register(t, join(node.root, 'device-plugins'));
  node.manifest('a', pod('a', 1, 'CDI_DEVICE', plugin.resource));
  await node.running('a', 'c');
  await until('it tells', () => node.output('a', 'c').length === 2);
  assert.deepEqual(node.output('a', 'c'), ['/dev/from-cdi', described('/dev/fuse')]);
  // One that no file describes: the container is not made without it.
  node.manifest('b', pod('b', 1, 'CDI_DEVICE', plugin.resource));
  const problem = await until('it is refused', async () => (await node.pod('b'))?.message || undefined);
  assert.match(problem, /CDI device injection failed: unresolvable CDI devices example\.net\/cdi=nowhere/);
});

test('over containerd a container has its device as well', needsRuntime, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'stasis-c-'));
  // Made first, so that its pods are ended before containerd is.
  const node = new TestNode(t, [
    '--container-runtime-endpoint',
    `unix://${join(folder, 'c/containerd.sock')}`,
  ]);
  const containerd = await startContainerd(join(folder, 'c'), rootfs);
  t.after(async () => {
    await containerd.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const image = 'localhost/teller:1';
  await writeImage(join(folder, 'image.tar'), rootfs, image, ['/bin/sh']);
  await containerd.load(join(folder, 'image.tar'));
  node.manifest(
    'a',
    pod('a', 2).replace(`rootdir:${rootfs}`, image).replace('spec:', 'spec:\n  hostNetwork: true'),
  );
  await node.start();
  examplePlugin(t, node);
  await node.running('a', 'c');
  await until('it tells', () => node.output('a', 'c').length === 3);
  assert.deepEqual(node.output('a', 'c'), [
    '/dev/fuse,/dev/tun',
    described('/dev/fuse'),
    described('/dev/net/tun'),
  ]);
});
