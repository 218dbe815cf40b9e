import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { CriBench } from '../../../test/contract/cri.ts';
import { busyboxImage, writeOciLayout } from '../../../test/images.ts';
import { needsRuntime } from '../../../test/runtime.ts';
import { ImageService, NamespaceMode, RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { createBuiltinRuntime } from './builtin-runtime.ts';
import { readCniNetwork, usualCniPlaces } from './cni.ts';

const image = 'localhost/busybox:1';

/** A runtime whose pods are in a bridge of their own, with addresses that are counted in a folder. */
async function bridged(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'cni-'));
  const configDirectory = join(folder, 'net.d');
  const leases = join(folder, 'leases');
  mkdirSync(configDirectory);
  const ipam = { type: 'host-local', subnet: '10.99.0.0/24', dataDir: leases };
  const plugins = [
    { type: 'bridge', bridge: `cni${process.pid}`, isGateway: true, ipam },
    { type: 'tuning' },
  ];
  writeFileSync(
    join(configDirectory, '10-test.conflist'),
    JSON.stringify({ name: 'test', cniVersion: '1.0.0', plugins }),
  );
  const log: string[] = [];
  const open = () =>
    createBuiltinRuntime({
      ...{ root: join(folder, 'root'), state: join(folder, 'state') },
      log: (line) => log.push(line),
      cni: { ...usualCniPlaces, configDirectory },
    });
  let runtime = await open();
  const transport = createRouterTransport((router) => runtime.routes(router));
  const images = createClient(ImageService, transport);
  await writeOciLayout(join(folder, 'image'), image, busyboxImage());
  await images.pullImage({ image: { image: `oci:${join(folder, 'image')}` } });
  const cri = createClient(RuntimeService, transport);
  const bench = new CriBench(
    { runtime: cri, images, image, handler: 'crun', stop: () => runtime.close() },
    folder,
  );
  t.after(async () => {
    await runtime.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  return {
    ...{ bench, cri, folder, log, configDirectory },
    leases: () => readdirSync(join(leases, 'test')).filter((name) => name.startsWith('10.')),
    async restart() {
      await runtime.close();
      runtime = await open();
      return createClient(
        RuntimeService,
        createRouterTransport((router) => runtime.routes(router)),
      );
    },
  };
}

test(
  'pods get addresses of a CNI network, reach each other, keep them over a restart and give them back',
  needsRuntime,
  async (t) => {
    const { bench, cri, leases, restart, log } = await bridged(t);
    const addressOf = async (podSandboxId: string, client = cri) =>
      (await client.podSandboxStatus({ podSandboxId })).status?.network?.ip;
    const [one, two] = [await bench.pod(), await bench.pod()];
    const [first = '', second = ''] = [await addressOf(one.id), await addressOf(two.id)];
    assert.match(first, /^10\.99\.0\.[0-9]+$/);
    assert.notEqual(first, second);
    const server = await one.run('nc -l -p 7 -e /bin/cat & while :; do sleep 1; done');
    assert.ok(server);
    const client = await two.run('while :; do sleep 1; done');
    const cmd = [
      '/bin/sh',
      '-c',
      `for i in 1 2 3 4 5; do echo hello | nc -w 2 ${first} 7 && exit 0; sleep 1; done; exit 1`,
    ];
    const { stdout, exitCode } = await cri.execSync({ containerId: client, cmd, timeout: 30n });
    assert.deepEqual([Buffer.from(stdout).toString(), exitCode], ['hello\n', 0]);
    const hosts = await cri.execSync({ containerId: client, cmd: ['cat', '/etc/hosts'] });
    assert.ok(Buffer.from(hosts.stdout).toString().includes(`${second}\t`));
    const again = await restart();
    assert.equal(await addressOf(one.id, again), first);
    assert.deepEqual(
      log.filter((line) => line.includes('CHECK')),
      [],
    );
    assert.deepEqual(leases().length, 2);
    for (const { id } of [one, two]) {
      await again.stopPodSandbox({ podSandboxId: id });
      await again.removePodSandbox({ podSandboxId: id });
    }
    assert.deepEqual(leases(), []);
    assert.match((await again.status({})).status?.conditions[1]?.message ?? '', /CNI network test/);
  },
);

test('a pod on the network of the node is in no CNI network', needsRuntime, async (t) => {
  const { bench, leases } = await bridged(t);
  const pod = await bench.pod();
  const before = leases().length;
  const host = await bench.pod({
    linux: { securityContext: { namespaceOptions: { network: NamespaceMode.NODE } } },
  });
  assert.equal(leases().length, before);
  await host.remove();
  await pod.remove();
});

test('a plugin that fails fails the pod with its own words, and leaves nothing', needsRuntime, async (t) => {
  const { bench, cri, configDirectory } = await bridged(t);
  const broken = {
    name: 'broken',
    cniVersion: '1.0.0',
    plugins: [{ type: 'bridge', ipam: { type: 'host-local', subnet: 'no' } }],
  };
  writeFileSync(join(configDirectory, '00-broken.conflist'), JSON.stringify(broken));
  await assert.rejects(bench.pod(), /CNI network broken, plugin bridge, ADD: .*invalid CIDR/);
  writeFileSync(
    join(configDirectory, '00-broken.conflist'),
    JSON.stringify({ ...broken, plugins: [{ type: 'none-such' }] }),
  );
  await assert.rejects(bench.pod(), /plugin none-such, ADD: it is in none of/);
  assert.deepEqual((await cri.listPodSandbox({})).items, []);
  assert.ok(
    !readFileSync('/proc/self/mountinfo', 'utf8').includes(
      configDirectory.replace('/net.d', '/state/sandboxes'),
    ),
  );
});

test('readCniNetwork takes the first file by name, a single plugin too, and refuses what describes none', async (t) => {
  const configDirectory = mkdtempSync(join(tmpdir(), 'cni-'));
  t.after(() => rmSync(configDirectory, { recursive: true }));
  const places = { ...usualCniPlaces, configDirectory };
  assert.equal(await readCniNetwork(places), undefined);
  writeFileSync(join(configDirectory, 'readme.txt'), 'x');
  writeFileSync(join(configDirectory, '20-b.conf'), JSON.stringify({ name: 'b', type: 'ptp' }));
  assert.deepEqual((await readCniNetwork(places))?.plugins, [{ name: 'b', type: 'ptp' }]);
  for (const bad of ['{', '{"name": "x", "plugins": [{"type": "../sh"}]}', '{"plugins": []}']) {
    writeFileSync(join(configDirectory, '10-a.conflist'), bad);
    await assert.rejects(readCniNetwork(places), /the CNI configuration .*10-a\.conflist: /);
  }
});
