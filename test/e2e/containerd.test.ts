import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openCheckpoint } from '../../src/localfs/open-checkpoint.ts';
import { startContainerd } from '../engines/containerd.ts';
import { makeRootfs, writeImage } from '../engines/image.ts';
import { needsRuntime, until } from '../runtime.ts';
import { signal, TestNode } from './node.ts';

test(
  'over containerd the daemon runs a pod and checkpoints its container by the kubelet API',
  needsRuntime,
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'stasis-c-'));
    // Made first, so that its pods are ended before containerd is.
    const socket = `unix://${join(folder, 'c/containerd.sock')}`;
    const node = new TestNode(t, ['--container-runtime-endpoint', socket]);
    await makeRootfs(join(folder, 'rootfs'));
    const containerd = await startContainerd(join(folder, 'c'), join(folder, 'rootfs'));
    t.after(async () => {
      await containerd.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    const image = 'localhost/counter:1';
    await writeImage(join(folder, 'image.tar'), join(folder, 'rootfs'), image, ['/bin/counter']);
    await containerd.load(join(folder, 'image.tar'));
    node.manifest(
      'count',
      `{apiVersion: v1, kind: Pod, metadata: {name: count}, spec: {hostNetwork: true, terminationGracePeriodSeconds: 0,
      containers: [{name: c, image: "${image}"}]}}`,
    );
    await node.start();
    const { id } = await node.running('count', 'c');
    await until('it counts', () => node.output('count', 'c').length > 5);
    const target = { namespace: 'default', pod: 'count', container: 'c' };
    const [path = ''] = await node.client().checkpointContainer(target, undefined, signal());
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const checkpoint = await openCheckpoint(path);
    const members = await checkpoint.members();
    for (const name of ['config.dump', 'spec.dump', 'checkpoint/inventory.img'])
      assert.ok(members.get(name), name);
    await checkpoint.close();
    const before = node.output('count', 'c').length;
    await until('it goes on counting', () => node.output('count', 'c').length > before + 2);
    await node.stop('SIGKILL');
    await node.start();
    assert.equal((await node.running('count', 'c')).id, id);
    const pod = await node.client().checkpointPod('default', 'count', 0, signal());
    assert.equal(pod.archive, join(node.checkpoints, `${pod.sandboxId}.tar`));
    const whole = await openCheckpoint(pod.archive);
    const inside = (await whole.members()).files.map(({ name }) => name).sort();
    assert.deepEqual(inside, ['c.tar', 'pod.dump', 'pod.json', 'pod.options']);
    await whole.close();
    assert.equal((await node.running('count', 'c')).id, id);
  },
);
