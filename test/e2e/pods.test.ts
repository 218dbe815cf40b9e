import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { makeRootfs } from '../engines/image.ts';
import { folderFor, needsRuntime, until } from '../runtime.ts';
import { TestNode } from './node.ts';

const rootfs = join(mkdtempSync(join(tmpdir(), 'stasis-image-')), 'rootfs');
before(async () => {
  if (!needsRuntime.skip) await makeRootfs(rootfs, []);
});

/** A container that counts in its output, from 1 on. */
const counting = `command: [/bin/sh, -c, 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done']`;
const pod = (name: string, container: string, spec = '') => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: test}}
spec:
  terminationGracePeriodSeconds: 0
${spec}
  containers:
  - name: c
    image: rootdir:${rootfs}
    ${container}
`;
const numbers = (lines: readonly string[]) => lines.map(Number);

test(
  'a daemon runs the pods of its manifests, and one killed and started again finds them running',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    node.manifest('a', pod('a', counting));
    node.manifest('b', pod('b', counting));
    await node.start();
    const first = [await node.running('a', 'c'), await node.running('b', 'c')];
    await until('it counts', () => node.output('a', 'c').length > 3);
    await node.stop('SIGKILL');
    await node.start();
    const second = [await node.running('a', 'c'), await node.running('b', 'c')];
    assert.deepEqual(
      second.map(({ id }) => id),
      first.map(({ id }) => id),
    );
    const before = node.output('a', 'c').length;
    await until('it goes on counting', () => node.output('a', 'c').length > before);
    const all = numbers(node.output('a', 'c'));
    assert.deepEqual(
      all,
      all.map((_, index) => index + 1),
    );
    assert.equal((await node.pods()).length, 2);
  },
);

test('a daemon killed at any moment of a start makes no pod twice', needsRuntime, async (t) => {
  const node = new TestNode(t);
  node.manifest('a', pod('a', counting));
  for (const pause of [0, 40, 80, 120, 200, 300]) {
    await node.start();
    await new Promise((done) => setTimeout(done, pause));
    await node.stop('SIGKILL');
  }
  await node.start();
  const { id } = await node.running('a', 'c');
  await until('it counts', () => node.output('a', 'c').length > 5);
  assert.equal((await node.running('a', 'c')).id, id);
  assert.equal((await node.pods()).length, 1);
  assert.equal(node.output('a', 'c').filter((line) => line === '1').length, 1);
});

test('a container that ends is started again by the policy of its pod', needsRuntime, async (t) => {
  const node = new TestNode(t);
  node.manifest('always', pod('always', `command: [/bin/sh, -c, 'echo run; sleep 0.2; exit 3']`));
  node.manifest(
    'never',
    pod('never', `command: [/bin/sh, -c, 'echo run; exit 3']`, '  restartPolicy: Never'),
  );
  node.manifest('well', pod('well', `command: [/bin/true]`, '  restartPolicy: OnFailure'));
  await node.start();
  await until('the second run', () => node.output('always', 'c').length === 2);
  const never = await until('it has failed', async () => {
    const found = await node.pod('never');
    return found?.phase === 'Failed' ? found : undefined;
  });
  assert.equal(never.containers[0]?.exitCode, 3);
  assert.equal(never.containers[0]?.restarts, 0);
  await until('it has succeeded', async () => (await node.pod('well'))?.phase === 'Succeeded');
  assert.deepEqual(node.output('never', 'c'), ['run']);
});

test(
  'a manifest that changes replaces its pod, a broken one leaves it, a removed one ends it',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    node.manifest('a', pod('a', counting));
    await node.start();
    const first = await node.running('a', 'c');
    node.manifest('a', pod('a', `${counting}\n    livenessProbe: {}`));
    await until('the mistake is told', () =>
      node.log.includes('spec.containers[0].livenessProbe is not exactly one of'),
    );
    assert.equal((await node.running('a', 'c')).id, first.id);
    node.manifest('a', pod('a', `${counting}\n    env: [{name: A, value: b}]`));
    const second = await until('it is replaced', async () => {
      const found = (await node.pod('a'))?.containers[0];
      return found?.state === 'running' && found.id !== first.id ? found : undefined;
    });
    assert.notEqual(second.id, first.id);
    assert.equal((await node.pods()).length, 1);
    rmSync(join(node.manifests, 'a.yaml'));
    await until('it is gone', async () => (await node.pods()).length === 0);
    assert.deepEqual(readdirSync(join(node.root, 'pods')), []);
  },
);

test(
  'volumes, environment, user and the file for last words are as the manifest says',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    const shared = folderFor(t, 'host');
    chmodSync(shared, 0o777);
    node.manifest(
      'a',
      `
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  terminationGracePeriodSeconds: 0
  restartPolicy: Never
  securityContext: {runAsUser: 1000, runAsGroup: 1000}
  volumes:
  - {name: scratch, emptyDir: {}}
  - {name: host, hostPath: {path: ${shared}, type: Directory}}
  initContainers:
  - name: first
    image: rootdir:${rootfs}
    command: [/bin/sh, -c, 'echo from-init > /scratch/file']
    volumeMounts: [{name: scratch, mountPath: /scratch}]
  containers:
  - name: c
    image: rootdir:${rootfs}
    command: [/bin/sh, -c]
    args: ['cat /scratch/file; echo $WHO $(WHO); cat /proc/self/status; touch /host/x; echo bye > /dev/termination-log']
    env: [{name: BASE, value: me}, {name: WHO, value: $(BASE)-too}]
    volumeMounts: [{name: scratch, mountPath: /scratch}, {name: host, mountPath: /host, readOnly: true}]
`,
    );
    await node.start();
    await until('it has ended', async () => (await node.pod('a'))?.containers.at(-1)?.state === 'exited');
    const lines = node.output('a', 'c');
    assert.deepEqual(lines.slice(0, 2), ['from-init', 'me-too me-too']);
    assert.ok(lines.includes('Uid:\t1000\t1000\t1000\t1000'), lines.join('\n'));
    assert.ok(
      lines.some((line) => /touch: .*Read-only file system/.test(line)),
      lines.join('\n'),
    );
    assert.equal(existsSync(join(shared, 'x')), false);
    const uid = (await node.pod('a'))?.uid ?? '';
    const words = join(node.root, 'pods', uid, 'containers/c');
    const [name = ''] = readdirSync(words);
    assert.match(name, /^[0-9a-f]{8}$/);
    assert.equal(readFileSync(join(words, name), 'utf8'), 'bye\n');
  },
);

test('what only root may read is readable by root alone', needsRuntime, async (t) => {
  const node = new TestNode(t);
  await node.start();
  const mode = (path: string) => (statSync(join(node.root, path)).mode & 0o777).toString(8);
  assert.equal(mode('checkpoints'), '700');
  assert.equal(mode('stasis'), '700');
  assert.equal(mode('stasis/client.json'), '600');
  assert.equal(mode('pki/kubelet.key'), '600');
  assert.equal(await node.stop('SIGTERM'), 0);
});

test('a second daemon on the same runtime is refused in one line', needsRuntime, async (t) => {
  const node = new TestNode(t);
  await node.start();
  const second = new TestNode(t, [], node.folder);
  await assert.rejects(second.start(), /stasisd ended: .*stasisd: another process uses the runtime in /s);
});
