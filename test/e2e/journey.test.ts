import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { makeCertificate } from '../../src/auth/certificate.ts';
import { isTemporaryName } from '../../src/localfs/atomic-file.ts';
import { makeRootfs } from '../engines/image.ts';
import { must } from '../engines/program.ts';
import { folderFor, freePort, needsRuntime, runFor, until } from '../runtime.ts';
import { signal, TestNode } from './node.ts';

const images = mkdtempSync(join(tmpdir(), 'stasis-image-'));
const counters = join(images, 'counters');
const redis = join(images, 'redis');
before(async () => {
  if (needsRuntime.skip) return;
  await makeRootfs(counters, ['counter']);
  await makeRootfs(redis, []);
  const program = '/usr/bin/redis-server';
  const libraries = (await must('ldd', [program])).matchAll(/(\/\S+) \(0x/g);
  for (const file of [program, ...[...libraries].flatMap(([, path]) => path ?? [])]) {
    mkdirSync(dirname(join(redis, file)), { recursive: true });
    copyFileSync(file, join(redis, file));
  }
});

/** Two containers; one counts in its memory alone, the other in a file of a volume that both see. */
const countersPod = (image = `rootdir:${counters}`) => `
apiVersion: v1
kind: Pod
metadata: {name: counters, namespace: default}
spec:
  terminationGracePeriodSeconds: 0
  volumes: [{name: shared, emptyDir: {}}]
  containers:
  - name: counter
    image: ${image}
    command: [/bin/counter]
    volumeMounts: [{name: shared, mountPath: /shared}]
  - name: shell
    image: ${image}
    command: [/bin/sh, -c, 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done']
    volumeMounts: [{name: shared, mountPath: /shared}]
`;
const redisPod = (port: number) => `
apiVersion: v1
kind: Pod
metadata: {name: my-redis, namespace: default}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  containers:
  - name: redis
    image: rootdir:${redis}
    command: [/usr/bin/redis-server]
    args: [--bind, 127.0.0.1, --port, "${port}", --save, "", --dir, /tmp]
`;

/** One command of Redis' protocol and the line that answers it. */
function askRedis(port: number, command: string): Promise<string> {
  return new Promise((done, failed) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => socket.write(`${command}\r\n`));
    let got = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      got += text;
      const lines = got.split('\r\n');
      const wanted = got.startsWith('$') ? 3 : 2;
      if (lines.length < wanted) return;
      socket.destroy();
      done(lines[wanted - 2] ?? '');
    });
    socket.on('error', failed);
  });
}

const numbers = (lines: readonly string[]) => lines.flatMap((line) => Number(/\d+/.exec(line)?.[0] ?? []));

async function counting(node: TestNode, more = 3): Promise<void> {
  for (const container of ['counter', 'shell']) {
    const before = node.output('counters', container).length;
    await until(`${container} counts`, () => node.output('counters', container).length >= before + more);
  }
}

test(
  'the journey: run, checkpoint over HTTPS, drain, show, extract, insert, restore elsewhere',
  needsRuntime,
  async (t) => {
    const dates = { notBefore: new Date(Date.now() - 1000), notAfter: new Date(Date.now() + 3_600_000) };
    const ca = makeCertificate({ name: 'ca', use: 'ca', ...dates });
    const admin = makeCertificate({ name: 'admin', use: 'client', issuer: ca, ...dates });
    const folder = folderFor(t, 'journey');
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    };
    const caFile = file('ca.crt', ca.certificate);
    const tokens = file('tokens', 'secret-token,alice,1\n');
    const a = new TestNode(t, ['--client-ca-file', caFile, '--token-auth-file', tokens]);
    const port = await freePort();
    a.manifest('counters', countersPod());
    a.manifest('my-redis', redisPod(port));
    await a.start();
    await a.running('counters', 'counter');
    await a.running('counters', 'shell');
    await a.running('my-redis', 'redis');
    await until('redis answers', async () => (await askRedis(port, 'PING')) === '+PONG');
    for (let key = 0; key < 100; key++) await askRedis(port, `SET key:${key} value:${key}`);
    await counting(a);

    // One container, with curl, by certificate and by token.
    const url = `${a.file().server}/checkpoint/default/counters/counter?timeout=300`;
    const certificate = [
      '--cert',
      file('admin.crt', admin.certificate),
      '--key',
      file('admin.key', admin.key),
    ];
    const server = ['--cacert', join(a.root, 'pki/kubelet.crt')];
    const made: string[] = [];
    for (const who of [certificate, ['-H', 'Authorization: Bearer secret-token']]) {
      const { stdout } = await runFor(t, 'curl', ['-s', '-S', '-X', 'POST', ...server, ...who, url]);
      const { items } = JSON.parse(stdout) as { items: string[] };
      assert.equal(items.length, 1);
      made.push(...items);
    }
    assert.equal(new Set(made).size, 2);
    for (const archive of made) {
      assert.equal(dirname(archive), a.checkpoints);
      assert.match(
        archive,
        /\/checkpoint-counters_default-counter-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?(Z|[+-]\d\d:\d\d)\.tar$/,
      );
      assert.equal(statSync(archive).mode & 0o777, 0o600);
    }
    const { stdout: audit } = { stdout: a.log };
    assert.match(audit, /"user":"admin".*"digest":"sha256:[0-9a-f]{64}"/);
    const inspected = await runFor(t, process.execPath, [
      'bin/stasis.cjs',
      'inspect',
      '--ps-tree',
      made[0] ?? '',
    ]);
    assert.equal(inspected.status, 0, inspected.stderr);
    assert.match(inspected.stdout, /counter/);
    await counting(a);

    // The node is drained; the seed's table shows what is there.
    const drained = await a.stasis('drain');
    assert.equal(drained.status, 0, drained.stderr);
    assert.match(
      drained.stdout,
      /pod default\/counters checkpointed to .*\.tar\npod default\/my-redis .*\nnode drained\n$/s,
    );
    assert.deepEqual(
      (await a.pods()).map(({ phase }) => phase),
      ['Stopped', 'Stopped'],
    );
    await assert.rejects(askRedis(port, 'PING'));
    const stasis = (...args: string[]) => runFor(t, process.execPath, ['bin/stasis.cjs', ...args]);
    const shown = await stasis('show', '--target', a.checkpoints);
    assert.equal(shown.status, 0, shown.stderr);
    assert.match(shown.stdout, /\| counters +\| default +\| counter +\|/);
    assert.match(shown.stdout, /\| my-redis +\|/);
    assert.match(shown.stdout, /\| true +\|/);
    assert.doesNotMatch(shown.stdout, /false/);
    const moved = join(folder, 'moved.tar');
    const extracted = await stasis('extract', '--target', a.checkpoints, '-o', moved);
    assert.equal(extracted.status, 0, extracted.stderr);
    assert.match((await stasis('show', '--target', moved)).stdout, /my-redis/);
    assert.equal(await a.stop(), 0);
    const last = {
      counter: numbers(a.output('counters', 'counter')),
      shell: numbers(a.output('counters', 'shell')),
    };

    // Another node, which finds them inserted.
    const b = new TestNode(t);
    mkdirSync(b.checkpoints, { recursive: true, mode: 0o700 });
    const inserted = await stasis('insert', '--target', b.checkpoints, '-i', moved);
    assert.equal(inserted.status, 0, inserted.stderr);
    await b.start();
    await b.running('my-redis', 'redis');
    await b.running('counters', 'counter');
    await until('redis answers', async () => (await askRedis(port, 'PING')) === '+PONG');
    for (let key = 0; key < 100; key++) assert.equal(await askRedis(port, `GET key:${key}`), `value:${key}`);
    await counting(b);
    for (const container of ['counter', 'shell'] as const) {
      const [first = 0] = numbers(b.output('counters', container));
      const end = last[container].at(-1) ?? 0;
      // It may have counted on between its checkpoint and its end, but never begun anew.
      assert.ok(first > end / 2 && first <= end + 1, `${container}: ${end} then ${first}`);
    }
    for (const pod of await b.pods()) assert.equal(pod.restored, true);
    const list = readFileSync(join(b.checkpoints, 'checkpointed.pods'), 'utf8');
    assert.equal(list.match(/"io\.stasis\.restored"/g)?.length, 2);
    assert.doesNotMatch(list, /io\.stasis\.restoring/);

    // A start does not restore them again, nor does a manifest of the same pod start a second copy.
    const ids = (await b.pods()).map(({ sandboxId }) => sandboxId);
    await b.stop('SIGKILL');
    b.manifest('my-redis', redisPod(port));
    await b.start();
    await b.running('my-redis', 'redis');
    await until('the manifest is met', async () => (await b.pod('my-redis'))?.source === 'file');
    assert.deepEqual(
      (await b.pods()).map(({ sandboxId }) => sandboxId),
      ids,
    );
    assert.equal(await askRedis(port, 'GET key:7'), 'value:7');
  },
);

test('a drained node continues its pods when it is uncordoned', needsRuntime, async (t) => {
  const node = await countersNode(t);
  assert.equal((await node.stasis('drain')).status, 0);
  const last = numbers(node.output('counters', 'shell')).at(-1) ?? 0;
  const status = await node.client().node(signal());
  assert.equal(status.drained, true);
  const uncordoned = await node.stasis('uncordon');
  assert.equal(uncordoned.status, 0, uncordoned.stderr);
  assert.match(uncordoned.stdout, /^node .* uncordoned\n$/);
  await node.running('counters', 'counter');
  await counting(node);
  const all = numbers(node.output('counters', 'shell'));
  assert.ok(Math.max(...all) > last, `${last}, then ${all}`);
  assert.equal(all.filter((number) => number === 1).length, 1);
  assert.equal((await node.pod('counters'))?.restored, true);
});

test(
  'a checkpoint of a whole pod leaves it running, and a start does not restore it beside itself',
  needsRuntime,
  async (t) => {
    const node = await countersNode(t);
    const made = await node.stasis('checkpoint', 'pod', 'default/counters');
    assert.equal(made.status, 0, made.stderr);
    const { sandboxId } = (await node.pod('counters')) ?? assert.fail('the pod is gone');
    assert.equal(made.stdout, `${join(node.checkpoints, `${sandboxId}.tar`)}\n`);
    assert.equal(statSync(made.stdout.trim()).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(node.checkpoints).filter(isTemporaryName), []);
    await counting(node);
    await node.stop('SIGKILL');
    await node.start();
    await counting(node);
    assert.equal((await node.pods()).length, 1);
    assert.equal((await node.pod('counters'))?.sandboxId, sandboxId);
    assert.equal((await node.pod('counters'))?.restored, false);
  },
);

test('restore makes a new pod of one container, and of a pod under another name', needsRuntime, async (t) => {
  const node = await countersNode(t);
  const one = await node.stasis('checkpoint', 'default/counters/counter');
  assert.equal(one.status, 0, one.stderr);
  const at = numbers(node.output('counters', 'counter')).at(-1) ?? 0;
  const restored = await node.stasis('restore', one.stdout.trim(), '--name', 'again');
  assert.equal(restored.status, 0, restored.stderr);
  assert.equal(restored.stdout, 'pod default/again restored\n');
  await node.running('again', 'counter');
  await until('it counts', () => node.output('again', 'counter').length > 3);
  assert.ok((numbers(node.output('again', 'counter'))[0] ?? 0) > at / 2);
  const whole = await node.stasis('checkpoint', 'pod', 'default/counters');
  const taken = await node.stasis('restore', whole.stdout.trim());
  assert.equal(taken.status, 1);
  assert.match(taken.stderr, /^Error: this node has a pod default\/counters already\n/);
  const twin = await node.stasis('restore', whole.stdout.trim(), '--name', 'twin');
  assert.equal(twin.status, 0, twin.stderr);
  await node.running('twin', 'counter');
  await node.running('twin', 'shell');
  await counting(node);
  assert.equal((await node.pods()).length, 3);
});

async function countersNode(t: TestContext): Promise<TestNode> {
  const node = new TestNode(t);
  node.manifest('counters', countersPod());
  await node.start();
  await node.running('counters', 'counter');
  await node.running('counters', 'shell');
  await counting(node);
  assert.ok(existsSync(node.checkpoints));
  return node;
}
