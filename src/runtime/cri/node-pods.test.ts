import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { containerdWithLoad } from '../../../test/engines/loaded-containerd.ts';
import { atEnd, folderFor, needsRuntime } from '../../../test/runtime.ts';
import { isCoded } from '../../errors/coded-error.ts';
import { nodeContainers, nodePods } from './node-pods.ts';

test(
  'nodePods and nodeContainers ask containerd, given or as the kubelet is told',
  needsRuntime,
  async (t) => {
    const ctd = await containerdWithLoad(t);
    const first = await ctd.run('one', 'crun', ['memory', '1']);
    const second = await ctd.run('two', 'crun', ['memory', '1']);
    const root = folderFor(t, 'kubelet');
    mkdirSync(join(root, 'pods/uid-folder'), { recursive: true });
    mkdirSync(join(root, 'pods/uid-one'));
    const { socket } = ctd.containerd;
    const pods = new Map([
      ['uid-folder', {}],
      ['uid-one', { namespace: 'default', name: 'one' }],
      ['uid-two', { namespace: 'default', name: 'two' }],
    ]);
    assert.deepEqual(await nodePods(root, `unix://${socket}`), { pods, asked: socket });
    writeFileSync(join(root, 'config.yaml'), `containerRuntimeEndpoint: unix://${socket}\n`);
    assert.deepEqual(await nodePods(root), { pods, asked: socket });
    const container = { podUid: 'uid-one', container: 'c' };
    assert.deepEqual((await nodeContainers(root))?.get(first.id), container);
    assert.deepEqual((await nodeContainers(root, socket))?.get(second.id), {
      ...container,
      podUid: 'uid-two',
    });

    // Of a container that was started again there are two; the running one comes last.
    const { runtime } = ctd.containerd;
    await runtime.stopContainer({ containerId: first.id, timeout: 0n });
    const { containerId: again } = await runtime.createContainer({
      podSandboxId: first.sandboxId,
      sandboxConfig: { metadata: { name: 'one', namespace: 'default', uid: 'uid-one', attempt: 0 } },
      config: {
        metadata: { name: 'c', attempt: 1 },
        labels: { 'io.kubernetes.pod.uid': 'uid-one', 'io.kubernetes.container.name': 'c' },
        image: { image: 'localhost/load:1' },
        command: ['/bin/load', 'memory', '1'],
        logPath: 'again.log',
      },
    });
    await runtime.startContainer({ containerId: again });
    const all = [...((await nodeContainers(root)) ?? [])].filter(([, { podUid }]) => podUid === 'uid-one');
    assert.deepEqual(
      all.map(([id]) => id),
      [first.id, again],
    );
  },
);

test('nodePods does without a runtime that does not answer, unless it was asked for by name', async (t) => {
  const root = folderFor(t, 'kubelet');
  const socket = join(root, 'mute.sock');
  const server = createServer((connection) => connection.destroy());
  await new Promise<void>((done) => server.listen(socket, done));
  atEnd(t, () => server.close());
  writeFileSync(join(root, 'config.yaml'), `containerRuntimeEndpoint: unix://${socket}\n`);
  assert.equal(await nodePods(root), undefined);
  assert.equal(await nodeContainers(root), undefined);
  mkdirSync(join(root, 'pods/uid'), { recursive: true });
  assert.deepEqual(await nodePods(root), { pods: new Map([['uid', {}]]), asked: undefined });
  for (const path of [socket, join(root, 'missing.sock')]) {
    await assert.rejects(nodePods(root, path), (error) => {
      assert.ok(isCoded(error, 'unavailable'));
      assert.match(error.message, /^asking the container runtime at .*\.sock: ./);
      return true;
    });
  }
  await assert.rejects(nodePods(root, 'tcp://1.2.3.4'), /--runtime-endpoint is "tcp:/);
});
