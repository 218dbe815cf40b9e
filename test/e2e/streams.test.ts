import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { openTerminal } from '../../src/runtime/builtin/terminal.ts';
import { startContainerd } from '../engines/containerd.ts';
import { makeRootfs } from '../engines/image.ts';
import { busyboxImage, writeOciArchive } from '../images.ts';
import { needsRuntime, project, runFor, until } from '../runtime.ts';
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
  const described = await node.stasis('describe', 'pod', 'a');
  assert.match(described.stdout, /Status: +Running, ready[\s\S]*container c is started/);
  assert.match((await node.stasis('describe', 'container', 'a/c', '-o', 'yaml')).stdout, /^state: running$/m);
  assert.match((await node.stasis('describe', 'node')).stdout, /Container runtime: /);
}

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
