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
    const known = { pods, asked: socket, silent: undefined };
    assert.deepEqual(await nodePods(root, `unix://${socket}`), known);
    writeFileSync(join(root, 'config.yaml'), `containerRuntimeEndpoint: unix://${socket}\n`);
    assert.deepEqual(await nodePods(root), known);
    const container = { podUid: 'uid-one', container: 'c' };
    assert.deepEqual((await nodeContainers(root)).containers?.get(first.id), container);
    assert.deepEqual((await nodeContainers(root, socket)).containers?.get(second.id), {
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
    const { containers } = await nodeContainers(root);
    const all = [...(containers ?? [])].filter(([, { podUid }]) => podUid === 'uid-one');
    assert.deepEqual(
      all.map(([id]) => id),
      [first.id, again],
    );
  },
);

test('nodePods says which runtime does not answer, and fails where it was asked for by name', async (t) => {
  const root = folderFor(t, 'kubelet');
  const socket = join(root, 'mute.sock');
  const server = createServer((connection) => connection.destroy());
  await new Promise<void>((done) => server.listen(socket, done));
  atEnd(t, () => server.close());
  writeFileSync(join(root, 'config.yaml'), `containerRuntimeEndpoint: unix://${socket}\n`);
  const silent = `asking the container runtime at ${socket}: it closes the connection without a word of gRPC`;
  const learned = { asked: undefined, silent };
  assert.deepEqual(await nodePods(root), { pods: undefined, ...learned });
  assert.deepEqual(await nodeContainers(root), { containers: undefined, ...learned });
  mkdirSync(join(root, 'pods/uid'), { recursive: true });
  assert.deepEqual(await nodePods(root), { pods: new Map([['uid', {}]]), ...learned });
  for (const path of [socket, join(root, 'missing.sock')]) {
    await assert.rejects(nodePods(root, path), (error) => {
      assert.ok(isCoded(error, 'unavailable'));
      assert.match(error.message, /^asking the container runtime at .*\.sock: ./);
      return true;
    });
  }
  await assert.rejects(nodePods(root, 'tcp://1.2.3.4'), /--runtime-endpoint is "tcp:/);
});
