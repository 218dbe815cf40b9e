import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statfsSync, statSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { grows } from '../engines/loaded-containerd.ts';
import { folderFor, needsRuntime, until } from '../runtime.ts';
import { type Machine, machine, trust, underWay, withToken } from './kubelet-machine.ts';

/** Mounts a file system of this size on a folder. @returns what unmounts it */
function small(folder: string, size: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', folder]);
  return () => execFileSync('umount', ['-l', folder]);
}

/** The container runs, nothing of its checkpoint is left, and the next one comes through. */
async function asIfNothingHad({ node, post }: Machine, pod: string, log: string): Promise<void> {
  await grows(log);
  assert.deepEqual(readdirSync(node.checkpoints), []);
  await until('nothing is noted any more', () => underWay(node).length === 0);
  const answer = await post(`/checkpoint/default/${pod}/c`, withToken);
  assert.equal(answer.status, 200, answer.body);
  await grows(log);
}

/** The criu that works for a container, found by the folder it writes to. */
function criuOf(id: string): number | undefined {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/comm`, 'utf8') !== 'criu\n') continue;
      const files = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      if (files.some((file) => file.includes(id))) return Number(pid);
    } catch {
      // It has ended.
    }
  }
  return undefined;
}

test(
  'the disk of containerd full while it works: 500 with the reason, the container runs',
  needsRuntime,
  async (t) => {
    const disk = folderFor(t, 'full');
    const unmount = small(disk, '300m');
    try {
      // What runs on the disk ends with the inner test.
      await t.test('with less and more room', (inner) => fillsUp(inner, join(disk, 'd')));
    } finally {
      unmount();
    }
  },
);

async function fillsUp(t: TestContext, folder: string): Promise<void> {
  mkdirSync(folder);
  const here = await machine(t, ['--checkpoint-free-space', '0'], folder);
  const container = await here.ctd.run('full', 'crun', ['memory', '64']);
  await grows(container.log);
  const filler = join(folder, 'filler');
  // Without a floor of free space nobody looks before: it ends in the middle.
  for (const left of [0, 20, 50]) {
    const { bavail, bsize } = statfsSync(folder);
    execFileSync('fallocate', ['-l', String(bavail * bsize - left * 1024 * 1024), filler]);
    const { status, body } = await here.post('/checkpoint/default/full/c', withToken);
    assert.equal(status, 500);
    assert.match(body, /no space left on device/i, `with ${left} MiB left`);
    rmSync(filler);
    await grows(container.log);
    assert.deepEqual(readdirSync(here.node.checkpoints), []);
  }
  await asIfNothingHad(here, 'full', container.log);
}

test(
  'the disk of the archives full while they are written: 500, no partial file, the container runs',
  needsRuntime,
  async (t) => {
    const here = await machine(t, ['--checkpoint-free-space', '0']);
    await here.node.stop();
    const unmount = small(here.node.checkpoints, '20m');
    try {
      await here.node.start();
      const container = await here.ctd.run('full', 'crun', ['memory', '64']);
      await grows(container.log);
      const { status, body } = await here.post('/checkpoint/default/full/c', withToken);
      assert.equal(status, 500);
      assert.match(body, /space/);
      await grows(container.log);
      assert.deepEqual(readdirSync(here.node.checkpoints), []);
      const other = await here.ctd.run('fits', 'crun', ['memory', '1']);
      await grows(other.log);
      assert.equal((await here.post('/checkpoint/default/fits/c', withToken)).status, 200);
    } finally {
      unmount();
    }
  },
);

test('a deadline that passes on containerd is told, and the container runs', needsRuntime, async (t) => {
  const here = await machine(t, ['--runtime-request-timeout', '150ms']);
  const container = await here.ctd.run('late', 'crun', ['memory', '500']);
  await grows(container.log);
  const { status, body } = await here.post('/checkpoint/default/late/c', withToken);
  assert.equal(status, 500);
  assert.match(body, /deadline/i);
  await grows(container.log);
  assert.deepEqual(readdirSync(here.node.checkpoints), []);
});

test(
  'a client that leaves on containerd ends its checkpoint, and the container runs',
  needsRuntime,
  async (t) => {
    const here = await machine(t);
    const container = await here.ctd.run('left', 'runc', ['memory', '200']);
    await grows(container.log);
    const port = Number(new URL(here.node.file().server).port);
    const leaving = new AbortController();
    const call = request({
      ...{
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: '/checkpoint/default/left/c',
        signal: leaving.signal,
      },
      ...{ headers: withToken.headers, ca: trust.ca.certificate, servername: 'localhost' },
    }).on('error', () => undefined);
    call.end();
    await until('the checkpoint is under way', () => underWay(here.node).length === 1);
    leaving.abort();
    await until('it is given up', () => underWay(here.node).length === 0);
    await asIfNothingHad(here, 'left', container.log);
  },
);

test('criu killed while it works for containerd: 500, the container runs', needsRuntime, async (t) => {
  const here = await machine(t);
  const container = await here.ctd.run('killed', 'crun', ['memory', '400']);
  await grows(container.log);
  const call = here.post('/checkpoint/default/killed/c', withToken);
  const criu = await until('criu to work', () => criuOf(container.id));
  // Killed while memory is written, when nothing of it is in the process any more.
  await until('pages to be written', () => hasPages(criu));
  process.kill(criu, 'SIGKILL');
  const { status, body } = await call;
  assert.equal(status, 500, body);
  await asIfNothingHad(here, 'killed', container.log);
});

function hasPages(pid: number): boolean {
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const path = readlinkSync(`/proc/${pid}/fd/${fd}`);
    if (/pages-\d+\.img$/.test(path)) return statSync(`/proc/${pid}/fd/${fd}`).size > 100 << 20;
  }
  return false;
}
