import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import {
  ContainerConfigSchema,
  PodSandboxConfigSchema,
  RuntimeService,
} from '../../src/gen/cri/v1/api_pb.ts';
import { openCriRuntime } from '../../src/runtime/cri/cri-runtime.ts';
import { keepConnections } from '../criu-settings.ts';
import { needsRuntime, until } from '../runtime.ts';
import { counting, firstSince, names, numbers, podMachine, wentOn } from './containerd-pods.ts';
import { signal } from './node.ts';

for (const handler of ['crun', 'runc'] as const) {
  test(
    `over containerd and ${handler} a pod is restored whole, drained, and continues`,
    needsRuntime,
    async (t) => {
      const arrives = handler === 'crun' ? 'pulled' : 'loaded';
      const { node, containerd, shared } = await podMachine(t, { handler, arrives });
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
    const { node, containerd, folder, shared } = await podMachine(t, { handler: 'crun', arrives: 'loaded' });
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

for (const handler of ['crun', 'runc'] as const) {
  test(
    `over containerd and ${handler} the connection inside a pod and its emptyDir go through drains`,
    needsRuntime,
    async (t) => {
      await keepConnections(t);
      const talks = (image: string) => `{apiVersion: v1, kind: Pod, metadata: {name: talk}, spec: {
        restartPolicy: Never, terminationGracePeriodSeconds: 0, volumes: [{name: data, emptyDir: {}}], containers: [
        {name: server, image: "${image}", command: [/bin/load, server, "7000", "1"]},
        {name: client, image: "${image}", command: [/bin/load, client, "7000", "1"]},
        {name: keeper, image: "${image}", volumeMounts: [{name: data, mountPath: /data}], command: [/bin/sh, -c,
          "echo kept > /data/file; while true; do cat /data/file; sleep 0.1; done"]}]}}`;
      const manifests = (image: string) => ({ talk: talks(image) });
      const { node } = await podMachine(t, { handler, programs: ['load'], manifests });
      const grows = async (name: string) => {
        await node.running('talk', name);
        const { length } = node.output('talk', name);
        await until(`${name} goes on`, () => node.output('talk', name).length > length + 1);
      };
      for (const round of [0, 1]) {
        for (const name of ['server', 'client', 'keeper']) await node.running('talk', name);
        await grows('client');
        await grows('keeper');
        const drained = await node.stasis('drain');
        assert.deepEqual([drained.status, drained.stderr], [0, ''], `round ${round}`);
        // What was in the volume comes out of the archive, not from the disk.
        const uid = readdirSync(join(node.root, 'pods'))[0] ?? '';
        const volume = join(node.root, 'pods', uid, 'volumes/kubernetes.io~empty-dir/data');
        assert.deepEqual(readdirSync(volume), ['file']);
        rmSync(join(volume, 'file'));
        const uncordoned = await node.stasis('uncordon');
        assert.deepEqual([uncordoned.status, uncordoned.stderr], [0, '']);
        assert.equal(readFileSync(join(volume, 'file'), 'utf8'), 'kept\n');
      }
      // The client wants an answer to each number: it ends at the first that is lost.
      await grows('client');
      await grows('keeper');
      await node.running('talk', 'server');
      assert.deepEqual(new Set(node.output('talk', 'keeper')), new Set(['kept']));
      assert.deepEqual(readdirSync(join(node.root, 'stasis/holding')), []);
    },
  );
}
