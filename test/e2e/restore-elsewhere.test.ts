import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { makeRootfs } from '../engines/image.ts';
import { folderFor, needsRuntime, runFor, until } from '../runtime.ts';
import { TestNode } from './node.ts';

const image = join(mkdtempSync(join(tmpdir(), 'stasis-image-')), 'rootfs');
before(async () => {
  if (!needsRuntime.skip) await makeRootfs(image, ['load']);
});

/** Two share a counter in a file of a volume and a pipe in it, two have a connection. */
const pod = (volume: string) => `
apiVersion: v1
kind: Pod
metadata: {name: four, namespace: default}
spec:
  terminationGracePeriodSeconds: 0
  volumes: [{name: data, hostPath: {path: ${volume}, type: Directory}}]
  containers:
  - {name: writer, image: 'rootdir:${image}', command: [/bin/load, writer, /data/number], volumeMounts: [{name: data, mountPath: /data}]}
  - {name: reader, image: 'rootdir:${image}', command: [/bin/load, reader, /data/number], volumeMounts: [{name: data, mountPath: /data}]}
  - {name: server, image: 'rootdir:${image}', command: [/bin/load, server, "7000", "1"]}
  - {name: client, image: 'rootdir:${image}', command: [/bin/load, client, "7000", "1"]}
`;

/** The last number that a container has printed; what it complains of fails the test. */
function last(node: TestNode, name: string, container: string): number {
  const lines = node.output(name, container);
  const complaint = lines.find((line) => line.startsWith('failed'));
  assert.equal(complaint, undefined);
  return Number(lines.at(-1) ?? 0);
}

async function goesOn(node: TestNode, name: string, container: string, from: number): Promise<void> {
  await until(`${name}/${container} goes on`, () => last(node, name, container) > from);
}

test(
  'a pod goes on at another node, under another name, with its volume at another path',
  needsRuntime,
  async (t) => {
    const folder = folderFor(t, 'volumes');
    const [volume, copy, second] = [join(folder, 'old'), join(folder, 'new'), join(folder, 'second')];
    mkdirSync(volume);
    const a = new TestNode(t);
    a.manifest('four', pod(volume));
    await a.start();
    for (const name of ['reader', 'client']) await goesOn(a, 'four', name, 100);
    // Its volume is of the moment of the checkpoint, because nothing of it runs after that.
    const drained = await a.stasis('drain', '-o', 'json');
    assert.equal(drained.status, 0, drained.stderr);
    const { archive } = JSON.parse(drained.stdout).pods[0];
    // Pipes too, which Node leaves out.
    for (const to of [copy, second]) assert.equal((await runFor(t, 'cp', ['-a', volume, to])).status, 0);
    rmSync(volume, { recursive: true });
    const before = { reader: last(a, 'four', 'reader'), client: last(a, 'four', 'client') };

    const b = new TestNode(t);
    await b.start();
    const lost = await b.stasis('restore', archive);
    assert.equal(lost.status, 1);
    assert.match(
      lost.stderr,
      /cannot be restored here: volume data: there is no \S+old here\n.*--volume-map/,
    );
    const wrong = await b.stasis('restore', archive, '--volume-map', 'other=/srv');
    assert.match(wrong.stderr, /has no volume "other"; it has data/);
    assert.equal((await b.stasis('restore', archive, '--volume-map', 'data')).status, 2);
    assert.deepEqual(await until('nothing is left', async () => (await b.pods()).length === 0 && []), []);

    const as = ['--name', 'moved', '--namespace', 'elsewhere', '--volume-map', `data=${copy}`];
    const restored = await b.stasis('restore', archive, ...as);
    assert.equal(restored.status, 0, restored.stderr);
    assert.equal(restored.stdout, 'pod elsewhere/moved restored\n');
    for (const name of ['reader', 'client'] as const) await goesOn(b, 'moved', name, before[name]);
    const [first = 0] = b.output('moved', 'client').map(Number);
    assert.ok(first > 50, 'the client did not begin again');

    const closed = await b.stasis(
      ...['restore', archive, '--name', 'closed', '--tcp', 'close'],
      ...['--volume-map', `${volume}=${second}`],
    );
    assert.equal(closed.status, 0, closed.stderr);
    await until('the client notices', () =>
      b.output('closed', 'client').some((line) => line.startsWith('failed: client ')),
    );
  },
);
