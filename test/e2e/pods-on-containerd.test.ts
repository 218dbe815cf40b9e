import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import {
  ContainerConfigSchema,
  PodSandboxConfigSchema,
  RuntimeService,
} from '../../src/gen/cri/v1/api_pb.ts';
import { openCriRuntime } from '../../src/runtime/cri/cri-runtime.ts';
import { startContainerd } from '../engines/containerd.ts';
import { makeRootfs, writeImage } from '../engines/image.ts';
import { startRegistry } from '../engines/registry.ts';
import { needsRuntime, until } from '../runtime.ts';
import { signal, TestNode } from './node.ts';

/** A node over containerd, and in it a pod of two containers that count and share a folder. */
async function machine(t: TestContext, handler: 'crun' | 'runc', arrives: 'pulled' | 'loaded') {
  const folder = mkdtempSync(join(tmpdir(), 'stasis-p-'));
  const socket = `unix://${join(folder, 'c/containerd.sock')}`;
  // Made first, so that its pods are ended before containerd is.
  const node = new TestNode(t, ['--container-runtime-endpoint', socket]);
  const rootfs = join(folder, 'rootfs');
  await makeRootfs(rootfs);
  const containerd = await startContainerd(join(folder, 'c'), rootfs, process.env['PATH'], handler);
  const registry = await startRegistry();
  t.after(async () => {
    await containerd.stop();
    await registry.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const image = `${registry.host}/counter:1`;
  await writeImage(join(folder, 'image.tar'), rootfs, image, ['/bin/counter']);
  registry.serve(`${join(folder, 'image.tar')}.layout`);
  // One that was loaded is known to containerd by its id alone.
  if (arrives === 'pulled') await containerd.images.pullImage({ image: { image } });
  else await containerd.load(join(folder, 'image.tar'));
  const shared = join(folder, 'shared');
  mkdirSync(shared);
  // The second holds a file of the shared folder open.
  const counts = (name: string, first: string): string =>
    `{name: ${name}, image: "${image}", volumeMounts: [{name: shared, mountPath: /shared}], command: [/bin/sh, -c,
      "${first}; n=0; while true; do n=$((n+1)); echo $n; sleep 0.1; done"]}`;
  const containers = [counts('a', 'echo here > /shared/seen'), counts('b', 'exec 3>/shared/held')];
  node.manifest(
    'pair',
    `{apiVersion: v1, kind: Pod, metadata: {name: pair}, spec: {hostNetwork: true, terminationGracePeriodSeconds: 0,
      volumes: [{name: shared, hostPath: {path: "${shared}"}}], containers: [${containers}]}}`,
  );
  await node.start();
  return { node, containerd, registry, folder, shared };
}

const names = ['a', 'b'] as const;

function numbers(node: TestNode, pod: string, container: string): number[] {
  return node
    .output(pod, container)
    .filter((line) => /^\d+$/.test(line))
    .map(Number);
}

/** Both count, and have reached at least so much. */
async function counting(node: TestNode, pod: string, least: number): Promise<void> {
  for (const name of names) {
    await node.running(pod, name);
    const before = numbers(node, pod, name).length;
    await until(`${pod}/${name} counts beyond ${least}`, () => {
      const found = numbers(node, pod, name);
      return found.length > before + 2 && (found.at(-1) ?? 0) > least;
    });
  }
}

/** The first number that was printed since then. */
function firstSince(node: TestNode, pod: string, container: string, since: Date): number | undefined {
  const logs = join(node.root, 'pod-logs');
  const folder = readdirSync(logs).find((name) => name.split('_')[1] === pod) ?? '';
  const lines = readFileSync(join(logs, folder, container, '0.log'), 'utf8').split('\n');
  const found = lines.find((line) => new Date(line.split(' ')[0] ?? '') >= since);
  return found === undefined ? undefined : Number(found.split(' ').at(-1));
}

/** Every container has counted without a gap and without starting anew. */
function wentOn(node: TestNode, pod: string): void {
  for (const name of names) {
    const found = numbers(node, pod, name);
    assert.equal(found.filter((number) => number === 1).length <= 1, true, `${pod}/${name} started anew`);
    assert.ok(
      found.every((number, at) => at === 0 || number === (found[at - 1] ?? 0) + 1),
      `${pod}/${name} counts without a gap: ${found.join(' ')}`,
    );
  }
}

for (const handler of ['crun', 'runc'] as const) {
  test(
    `over containerd and ${handler} a pod is restored whole, drained, and continues`,
    needsRuntime,
    async (t) => {
      const { node, containerd, shared } = await machine(
        t,
        handler,
        handler === 'crun' ? 'pulled' : 'loaded',
      );
      await counting(node, 'pair', 5);
      const reached = Math.min(...names.map((name) => numbers(node, 'pair', name).at(-1) ?? 0));
      const { archive } = await node.client().checkpointPod('default', 'pair', 0, signal());
      assert.deepEqual(readdirSync(shared).sort(), ['held', 'seen']);
      rmSync(join(node.manifests, 'pair.yaml'));
      await until('the pod is gone', async () => (await node.pod('pair')) === undefined);

      const restored = await node.stasis('restore', archive, '--name', 'again', '-o', 'json');
      assert.deepEqual([restored.status, restored.stderr], [0, '']);
      await counting(node, 'again', reached);
      wentOn(node, 'again');

      const drained = await node.stasis('drain');
      assert.deepEqual([drained.status, drained.stderr], [0, '']);
      assert.deepEqual((await containerd.runtime.listContainers({})).containers, []);
      assert.deepEqual((await containerd.runtime.listPodSandbox({})).items, []);
      const before = names.map((name) => numbers(node, 'again', name).at(-1) ?? 0);
      const since = new Date();
      const uncordoned = await node.stasis('uncordon');
      assert.deepEqual([uncordoned.status, uncordoned.stderr], [0, '']);
      await counting(node, 'again', Math.max(...before));
      wentOn(node, 'again');
      // Each was ended while it was frozen: it had printed nothing that its checkpoint does not know.
      const after = names.map((name) => firstSince(node, 'again', name, since));
      assert.deepEqual(
        after,
        before.map((number) => number + 1),
      );
      assert.deepEqual(readdirSync(join(node.root, 'stasis/checkpointing')), []);
    },
  );
}

test(
  'over containerd a pod of which one container fails is taken back, and what is missing is told before',
  needsRuntime,
  async (t) => {
    const { node, containerd, folder, shared } = await machine(t, 'crun', 'loaded');
    await counting(node, 'pair', 3);
    const { archive } = await node.client().checkpointPod('default', 'pair', 0, signal());
    const present = async () => {
      const { items } = await containerd.runtime.listPodSandbox({});
      const { containers } = await containerd.runtime.listContainers({});
      return [items.map(({ id }) => id), containers.map(({ id }) => id).sort()];
    };
    const before = await present();
    const elsewhere = await node.stasis(
      ...['restore', archive, '--name', 'refused', '--volume-map', `${shared}=/nowhere`],
    );
    assert.equal(elsewhere.status, 1);
    assert.match(elsewhere.stderr, /volume shared: there is no \/nowhere here/);
    const closed = await node.stasis('restore', archive, '--name', 'closed', '--tcp', 'close');
    assert.equal(closed.status, 1);
    assert.match(closed.stderr, /containerd cannot be asked to close the connections/);
    assert.deepEqual(await present(), before);
    // The second fails at its start, when the first has continued: CRIU misses the file that it had open.
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    const half = await node.stasis('restore', archive, '--name', 'half', '--volume-map', `shared=${empty}`);
    assert.equal(half.status, 1);
    assert.match(half.stderr, /starting container b/);
    await until('the pod of it is gone', async () => (await node.pod('half')) === undefined);
    assert.deepEqual(await present(), before);
    await counting(node, 'pair', 3);

    // What the runtime's edge answers, without the daemon.
    const client = await openCriRuntime({
      path: containerd.socket,
      notes: join(folder, 'notes'),
      scratch: join(folder, 'scratch'),
    });
    t.after(() => client.close());
    const cri = createClient(RuntimeService, client.transport);
    const [sandbox] = (await cri.listPodSandbox({})).items;
    const ids = (await cri.listContainers({})).containers.map(({ id }) => id);
    const out = join(folder, 'out');
    mkdirSync(out);
    await cri.checkpointPod({ podSandboxId: sandbox?.id ?? '', outputPath: out, containerIds: ids });
    const config = create(PodSandboxConfigSchema, {
      metadata: { name: 'direct', namespace: 'default', uid: 'uid-direct', attempt: 0 },
      logDirectory: folder,
      linux: { securityContext: { namespaceOptions: { network: 2, pid: 1 } } },
    });
    const termination = join(folder, 'termination');
    writeFileSync(termination, '');
    const configOf = (name: string, mounted: Readonly<Record<string, string>>, command: string[] = []) =>
      create(ContainerConfigSchema, {
        metadata: { name, attempt: 0 },
        logPath: `${name}.log`,
        command,
        mounts: Object.entries(mounted).map(([containerPath, hostPath]) => ({ containerPath, hostPath })),
      });
    const all = { '/shared': shared, '/dev/termination-log': termination };
    const containerConfigs = names.map((name) => configOf(name, all));
    const [first = configOf('a', all)] = containerConfigs;
    const request = { checkpointPath: out, config, containerConfigs };
    await assert.rejects(cri.restorePod({ ...request, containerConfigs: [] }), /container_configs has not/);
    const other = [first, configOf('b', all, ['/bin/true'])];
    await assert.rejects(cri.restorePod({ ...request, containerConfigs: other }), /says command/);
    const good = join(folder, 'b.tar');
    copyFileSync(join(out, 'b.tar'), good);
    truncateSync(join(out, 'b.tar'), 2048);
    await assert.rejects(cri.restorePod(request));
    assert.deepEqual(await present(), before);
    copyFileSync(good, join(out, 'b.tar'));
    // Without the mount it had, the second cannot be made when the sandbox and the first are there.
    const bare = [first, configOf('b', { '/dev/termination-log': termination })];
    await assert.rejects(cri.restorePod({ ...request, containerConfigs: bare }), /container b: .*\/shared/);
    assert.deepEqual(await present(), before);
    assert.deepEqual(readdirSync(join(folder, 'scratch')), []);
    const { podSandboxId, restoredContainers } = await cri.restorePod(request);
    assert.deepEqual(
      restoredContainers.map(({ name }) => name),
      [...names],
    );
    for (const { containerId } of restoredContainers) {
      const { status } = await cri.containerStatus({ containerId });
      assert.equal(status?.state, 0, 'it is created, and waits for its start');
    }
    await cri.stopPodSandbox({ podSandboxId });
    await cri.removePodSandbox({ podSandboxId });
  },
);
