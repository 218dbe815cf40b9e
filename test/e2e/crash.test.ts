import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { isTemporaryName } from '../../src/localfs/atomic-file.ts';
import { makeRootfs } from '../engines/image.ts';
import { needsRuntime, until } from '../runtime.ts';
import { signal, TestNode } from './node.ts';

const image = join(mkdtempSync(join(tmpdir(), 'stasis-image-')), 'rootfs');
before(async () => {
  if (!needsRuntime.skip) await makeRootfs(image, []);
});

const pod = `
apiVersion: v1
kind: Pod
metadata: {name: count, namespace: default}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: rootdir:${image}
    command: [/bin/sh, -c, 'i=0; while :; do i=$((i+1)); echo $i; read -t 0.1 x < /dev/zero; done']
`;
const sleep = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));
const visible = (node: TestNode) =>
  readdirSync(node.checkpoints).filter((name) => !name.startsWith('.stasis-lock'));

/** A node with one counting pod that has counted a little. */
async function countingNode(t: ConstructorParameters<typeof TestNode>[0]): Promise<TestNode> {
  const node = new TestNode(t);
  node.manifest('count', pod);
  await node.start();
  await node.running('count', 'c');
  await until('it counts', () => node.output('count', 'c').length > 5);
  return node;
}

async function goesOn(node: TestNode, name = 'c'): Promise<void> {
  const { length } = node.output('count', name);
  await until('it goes on counting', () => node.output('count', name).length > length + 2);
}

test(
  'a daemon killed at any moment of a restore continues the pod once, and never from its beginning',
  needsRuntime,
  async (t) => {
    const a = await countingNode(t);
    assert.equal((await a.stasis('drain')).status, 0);
    await a.stop();
    const b = new TestNode(t);
    mkdirSync(b.checkpoints, { recursive: true, mode: 0o700 });
    for (const name of visible(a)) copyFileSync(join(a.checkpoints, name), join(b.checkpoints, name));
    for (const pause of [0, 100, 200, 300, 450, 700]) {
      await b.start();
      await sleep(pause);
      await b.stop('SIGKILL');
    }
    await b.start();
    await b.running('count', 'c');
    await goesOn(b);
    const pods = await b.pods();
    assert.equal(pods.length, 1);
    assert.equal(pods[0]?.restored, true);
    assert.ok(!b.output('count', 'c').includes('1'), b.output('count', 'c').join(' '));
    const list = readFileSync(join(b.checkpoints, 'checkpointed.pods'), 'utf8');
    await until(
      'the end is noted',
      () => /"io\.stasis\.restored"/.test(readFileSync(join(b.checkpoints, 'checkpointed.pods'), 'utf8')),
      10_000,
    ).catch(() => assert.fail(list));
    assert.deepEqual(readdirSync(join(b.root, 'stasis/restore')), []);
    const id = pods[0]?.sandboxId;
    await b.stop('SIGKILL');
    await b.start();
    await b.running('count', 'c');
    assert.equal((await b.pod('count'))?.sandboxId, id);
  },
);

test(
  'a daemon killed at any moment of a drain loses nothing: the pod runs on, or continues',
  needsRuntime,
  async (t) => {
    const node = await countingNode(t);
    for (const pause of [50, 300, 600, 1100]) {
      const drain = node
        .client()
        .drain(undefined, signal())
        .catch(() => undefined);
      await sleep(pause);
      await node.stop('SIGKILL');
      await drain;
      await node.start();
      await node.running('count', 'c');
      await goesOn(node);
      assert.equal((await node.pods()).length, 1);
    }
    assert.equal(node.output('count', 'c').filter((line) => line === '1').length, 1);
  },
);

test(
  'a daemon killed during a checkpoint leaves the container running and no partial file',
  needsRuntime,
  async (t) => {
    const node = await countingNode(t);
    const { id } = await node.running('count', 'c');
    const target = { namespace: 'default', pod: 'count', container: 'c' };
    for (const pause of [20, 150, 300]) {
      const asked = node
        .client()
        .checkpointContainer(target, undefined, signal())
        .catch(() => undefined);
      await sleep(pause);
      await node.stop('SIGKILL');
      await asked;
      await node.start();
      assert.deepEqual(visible(node).filter(isTemporaryName), []);
      await goesOn(node);
      assert.equal((await node.running('count', 'c')).id, id);
    }
    for (const name of visible(node)) {
      const restored = await node.stasis(
        'restore',
        join(node.checkpoints, name),
        '--name',
        `from-${visible(node).indexOf(name)}`,
      );
      assert.equal(restored.status, 0, `${name}: ${restored.stderr}`);
    }
  },
);

test('a client that goes away ends its checkpoint, and the container goes on', needsRuntime, async (t) => {
  const node = await countingNode(t);
  const target = { namespace: 'default', pod: 'count', container: 'c' };
  const controller = new AbortController();
  const asked = node.client().checkpointContainer(target, undefined, controller.signal);
  await sleep(30);
  controller.abort();
  await assert.rejects(asked, { code: 'cancelled' });
  await goesOn(node);
  await until('nothing is left', () => visible(node).filter(isTemporaryName).length === 0);
  const [path = ''] = await node.client().checkpointContainer(target, undefined, signal());
  assert.ok(existsSync(path));
});

test(
  'an archive that was cut or changed is refused with a reason, and nothing of it is left',
  needsRuntime,
  async (t) => {
    const node = await countingNode(t);
    const made = await node.stasis('checkpoint', 'pod', 'default/count');
    assert.match(made.stderr, /^the pod stood still for [\d.]+ (µs|ms|s)\n$/);
    const whole = made.stdout.trim();
    const cut = join(node.folder, 'cut.tar');
    copyFileSync(whole, cut);
    truncateSync(cut, Math.floor(readFileSync(whole).length / 2));
    const none = join(node.folder, 'none.tar');
    const empty = join(node.folder, 'empty.tar');
    copyFileSync(whole, empty);
    truncateSync(empty, 0);
    for (const [archive, reason] of [
      [cut, /^Error: .*(unexpected end|truncated|cut)/i],
      [none, /^Error: .*no such file|not found/i],
      [empty, /^Error: /],
      [join(node.manifests, 'count.yaml'), /^Error: /],
    ] as const) {
      const refused = await node.stasis('restore', archive, '--name', 'bad');
      assert.equal(refused.status, 1, refused.stdout);
      assert.match(refused.stderr, reason);
      assert.doesNotMatch(refused.stderr, /\n\s+at /);
    }
    await until('nothing is left', async () => (await node.pods()).length === 1);
    await goesOn(node);
  },
);
