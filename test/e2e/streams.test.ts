import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { openTerminal } from '../../src/runtime/builtin/terminal.ts';
import { startContainerd } from '../engines/containerd.ts';
import { makeRootfs } from '../engines/image.ts';
import { busyboxImage, writeOciArchive } from '../images.ts';
import { freePort, needsRuntime, project, runFor, until } from '../runtime.ts';
import { TestNode } from './node.ts';

const rootfs = join(mkdtempSync(join(tmpdir(), 'stasis-image-')), 'rootfs');
before(async () => {
  if (!needsRuntime.skip) await makeRootfs(rootfs, []);
});

const manifest = (image: string, network = '') => `
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  terminationGracePeriodSeconds: 0
  ${network}
  containers:
  - {name: c, image: "${image}", command: [/bin/sh, -c, 'echo one; echo two >&2; echo three; while :; do sleep 1; done']}
`;

async function talks(node: TestNode): Promise<void> {
  await node.running('a', 'c');
  await until('it has spoken', () => node.output('a', 'c').length === 3);
  const logs = await node.stasis('logs', 'a');
  assert.deepEqual([logs.status, logs.stdout, logs.stderr], [0, 'one\nthree\n', 'two\n']);
  // What comes over two pipes has no order.
  const last = await node.stasis('logs', 'a', '--tail', '1');
  assert.match(last.stdout + last.stderr, /^(two|three)\n$/);
  const before = await node.stasis('logs', 'a', '--previous');
  assert.match(before.stderr, /container c of pod default\/a has not run before/);
  const words = "it's $(not) a shell";
  const run = await node.stasis(
    'exec',
    '-c',
    'c',
    'default/a',
    '--',
    '/bin/sh',
    '-c',
    'echo "$0"; echo e >&2; exit 7',
    words,
  );
  assert.deepEqual([run.status, run.stdout, run.stderr], [7, `${words}\n`, 'e\n']);
  assert.match((await node.stasis('exec', 'b', '--', 'true')).stderr, /no pod default\/b/);
  assert.match(
    (await node.stasis('exec', 'a', '-c', 'x', '--', 'true')).stderr,
    /has no container x: it has c/,
  );
  await forwards(node);
  assert.match((await node.stasis('attach', '-i', 'a')).stderr, /container c of pod default\/a has no stdin/);
  assert.match((await node.stasis('attach', 'b')).stderr, /no pod default\/b/);
  const described = await node.stasis('describe', 'pod', 'a');
  assert.match(described.stdout, /Status: +Running, ready[\s\S]*container c is started/);
  assert.match((await node.stasis('describe', 'container', 'a/c', '-o', 'yaml')).stdout, /^state: running$/m);
  assert.match((await node.stasis('describe', 'node')).stdout, /Container runtime: /);
}

/** A pod in whose network something answers each connection with what came, once its end was heard of. */
async function forwards(node: TestNode): Promise<void> {
  const port = await freePort();
  const serve = `while :; do nc -l -p ${port} -e sh -c 'read x; echo got $x; cat'; done`;
  const server = node.startStasis('exec', 'a', '--', '/bin/sh', '-c', serve);
  const forwarding = node.startStasis('port-forward', 'a', `:${port}`);
  try {
    const local = await until('it listens', () => /127\.0\.0\.1:(\d+) -> /.exec(forwarding.stdout)?.[1]);
    const much = 'x'.repeat(200_000);
    // Until something listens in the pod, connections end without a word.
    const answer = await until('the pod answers', () =>
      exchange(Number(local), `word\n${much}`, 9 + much.length),
    );
    assert.equal(answer, `got word\n${much}`);
  } finally {
    server.child.kill('SIGKILL');
    forwarding.child.kill('SIGINT');
  }
  assert.equal(await forwarding.ended, 130, forwarding.stderr);
  const closed = node.startStasis('port-forward', 'a', `:${await freePort()}`);
  const nobody = await until('it listens', () => /127\.0\.0\.1:(\d+) -> /.exec(closed.stdout)?.[1]);
  assert.equal(await exchange(Number(nobody), 'x', 1), undefined);
  await until('it says why', () => /forwarding a connection to port \d+: .*refused/i.test(closed.stderr));
  const taken = await node.stasis('port-forward', 'a', `${nobody}:80`);
  assert.equal(taken.status, 1, taken.stderr);
  assert.match(taken.stderr, /listening on 127\.0\.0\.1 port \d+: .*EADDRINUSE/);
  closed.child.kill('SIGINT');
  assert.equal(await closed.ended, 130);
  assert.match((await node.stasis('port-forward', 'a', '80:x')).stderr, /"80:x" is not \[LOCAL:\]PORT/);
  assert.match((await node.stasis('port-forward', 'b', '80')).stderr, /no pod default\/b/);
}

/** What comes back over a connection, once it is so long; undefined where less does. */
function exchange(port: number, text: string, length: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(text));
    socket.on('data', (piece) => {
      heard += piece.toString('latin1');
      if (heard.length >= length) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(heard.length >= length ? heard : undefined));
  });
}

test(
  'attach prints what a container writes and hands it what is typed; it goes on',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    node.manifest(
      'a',
      `
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  terminationGracePeriodSeconds: 0
  restartPolicy: Never
  containers:
  - name: c
    image: "rootdir:${rootfs}"
    stdin: true
    command: [/bin/sh, -c, 'while read x; do echo got $x; echo err $x >&2; [ $x = end ] && exit 3; done']
`,
    );
    await node.start();
    await node.running('a', 'c');
    const first = node.startStasis('attach', '-i', 'a');
    first.child.stdin?.write('one\n');
    await until('it answers', () => first.stdout === 'got one\n' && first.stderr === 'err one\n');
    first.child.kill('SIGINT');
    assert.equal(await first.ended, 130);
    assert.match((await node.stasis('attach', '-t', 'a')).stderr, /container c of pod default\/a has no tty/);
    // The end of what one types is not the end of what the container reads.
    const closed = node.startStasis('attach', '-i', 'a');
    closed.child.stdin?.end('zero\n');
    await until('it answers', () => closed.stdout === 'got zero\n');
    closed.child.kill('SIGINT');
    assert.equal(await closed.ended, 130);
    const second = node.startStasis('attach', '-i', '-c', 'c', 'default/a');
    second.child.stdin?.write('two\n');
    await until('it answers', () => second.stdout === 'got two\n');
    second.child.stdin?.write('end\n');
    assert.equal(await second.ended, 0, second.stderr);
    assert.equal(second.stdout, 'got two\ngot end\n');
  },
);

test('logs, exec and describe on the built-in runtime', needsRuntime, async (t) => {
  const node = new TestNode(t);
  node.manifest('a', manifest(`rootdir:${rootfs}`));
  await node.start();
  await talks(node);
  assert.ok(
    node.log.includes('"path":"/apis/stasis/v1/pods/default/a/exec","verb":"create","resource":"nodes/exec"'),
  );
});

test('logs, exec and describe on containerd', needsRuntime, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'stasis-ctd-'));
  // Before it is asked to end containerd: its pods are ended first.
  const node = new TestNode(t, [
    '--container-runtime-endpoint',
    `unix://${join(folder, 'c/containerd.sock')}`,
  ]);
  const containerd = await startContainerd(join(folder, 'c'), rootfs);
  t.after(async () => {
    await containerd.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  const image = join(folder, 'busybox.tar');
  await writeOciArchive(image, 'localhost/busybox:1', busyboxImage());
  await containerd.load(image);
  node.manifest('a', manifest('localhost/busybox:1', 'hostNetwork: true'));
  await node.start();
  await talks(node);
});

test('attach -it is on the terminal of the container, which goes on', needsRuntime, async (t) => {
  const node = new TestNode(t);
  const shell = 'command: [/bin/sh], stdin: true, tty: true';
  node.manifest(
    'a',
    `{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: "rootdir:${rootfs}", ${shell}}]}}`,
  );
  await node.start();
  await node.running('a', 'c');
  const { stream, path } = await openTerminal();
  const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  await runFor(t, 'stty', ['-F', path, 'rows', '31', 'columns', '97']);
  const args = [join(project, 'bin/stasis.cjs'), 'attach', '--root-dir', node.root, '-it', 'a'];
  const child = spawn(process.execPath, args, { stdio: [fd, fd, fd] });
  closeSync(fd);
  t.after(() => child.kill('SIGKILL'));
  const ended = new Promise((done) => child.once('exit', done));
  let shown = '';
  stream.on('error', () => stream.destroy());
  stream.on('data', (piece: Buffer) => {
    shown += piece.toString();
  });
  // What it asked before anybody was there is gone: it asks again.
  await until('the shell asks', () => {
    stream.write('\r');
    return shown.includes('# ');
  });
  stream.write('busybox stty size; kept=$((40 + 2))\r');
  await until('it knows the size', () => shown.includes('31 97'));
  child.kill('SIGINT');
  await ended;
  stream.destroy();
  const again = node.startStasis('attach', '-i', 'a');
  again.child.stdin?.write('echo still $kept\r');
  await until('it is the same shell', () => again.stdout.includes('still 42'));
  again.child.stdin?.write('exit 0\r');
  assert.equal(await again.ended, 0, again.stderr);
});

test('exec -it gives the command the terminal that it is called from', needsRuntime, async (t) => {
  const node = new TestNode(t);
  node.manifest('a', manifest(`rootdir:${rootfs}`));
  await node.start();
  await node.running('a', 'c');
  for (const program of [
    [process.execPath, join(project, 'bin/stasis.cjs')],
    [join(project, 'dist/stasis')],
  ]) {
    const [file = '', ...first] = program;
    if (!existsSync(file)) continue;
    const { stream, path } = await openTerminal();
    const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
    await runFor(t, 'stty', ['-F', path, 'rows', '31', 'columns', '97']);
    const args = [...first, 'exec', '--root-dir', node.root, '-it', 'a', '--', '/bin/sh'];
    const child = spawn(file, args, { stdio: [fd, fd, fd] });
    closeSync(fd);
    let shown = '';
    stream.on('error', () => stream.destroy());
    stream.on('data', (piece: Buffer) => {
      shown += piece.toString();
    });
    t.after(() => child.kill('SIGKILL'));
    const ended = new Promise((done) => child.once('exit', done));
    await until('the shell asks', () => shown.includes('# '));
    stream.write('test -t 0 && echo "on a $((40 + 2)) terminal"\r');
    await until('it answers', () => shown.includes('on a 42 terminal'));
    stream.write('busybox stty size\r');
    await until('it knows the size', () => shown.includes('31 97'));
    stream.write('sleep 1000\r');
    await until('it sleeps', async () => {
      const { stdout } = await node.stasis('exec', 'a', '--', 'ps');
      return stdout.includes('sleep 1000');
    });
    const before = shown.length;
    stream.write('\x03');
    await until('the shell asks again', () => shown.slice(before).includes('# '));
    stream.write('exit 9\r');
    assert.equal(await ended, 9, shown);
    stream.destroy();
  }
});
