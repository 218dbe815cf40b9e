import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCheckpoint } from '../../src/localfs/open-checkpoint.ts';
import { isFrozen } from '../../src/runtime/builtin/freezer.ts';
import { cgroupOfContainer } from '../../src/runtime/cri/let-run.ts';
import { grows } from '../engines/loaded-containerd.ts';
import { needsRuntime, until } from '../runtime.ts';
import { machine, trust, underWay, withToken } from './kubelet-machine.ts';

/** Whether the pages of memory in an archive hold these bytes. */
async function memoryHolds(path: string, text: string): Promise<boolean> {
  const checkpoint = await openCheckpoint(path);
  try {
    const members = await checkpoint.members();
    for (const { name } of members.files) {
      if (!/^checkpoint\/pages-\d+\.img$/.test(name)) continue;
      const source = await checkpoint.open(name);
      const bytes = Buffer.from(await source.read(0, source.size));
      if (bytes.includes(text)) return true;
    }
    return false;
  } finally {
    await checkpoint.close();
  }
}

test(
  'the kubelet API on containerd: by certificate and by token, with crun and runc',
  needsRuntime,
  async (t) => {
    const { ctd, node, post } = await machine(t);
    const mark = randomUUID();
    for (const handler of ['crun', 'runc'] as const) {
      const container = await ctd.run(`pod-${handler}`, handler, ['memory', '4'], { MARK: mark });
      await grows(container.log);
      const path = `/checkpoint/default/pod-${handler}/c`;
      assert.equal((await post(path)).status, 401);
      for (const who of [{ as: trust.admin }, withToken]) {
        const answer = await post(path, who);
        assert.equal(answer.status, 200, answer.body);
        const [archive = ''] = JSON.parse(answer.body).items;
        assert.equal(dirname(archive), node.checkpoints);
        assert.match(basename(archive), new RegExp(`^checkpoint-pod-${handler}_default-c-\\d{4}-.*\\.tar$`));
        assert.equal(statSync(archive).mode & 0o777, 0o600);
        assert.equal(statSync(archive).nlink, 1);
        assert.ok(await memoryHolds(archive, mark), 'its memory is in the archive');
        await grows(container.log);
      }
    }
    assert.equal(statSync(node.checkpoints).mode & 0o777, 0o700);
    assert.equal((await post('/checkpoint/default/pod-crun/d', withToken)).status, 404);
    assert.equal((await post('/checkpoint/other/pod-crun/c', withToken)).status, 404);
  },
);

test('two checkpoints in one second on containerd are two whole archives', needsRuntime, async (t) => {
  const { ctd, node, post } = await machine(t);
  const container = await ctd.run('twice', 'crun', ['memory', '1']);
  await grows(container.log);
  const answers = await Promise.all([1, 2, 3].map(() => post('/checkpoint/default/twice/c', withToken)));
  const archives = answers.map(({ body }) => JSON.parse(body).items[0] as string);
  assert.equal(new Set(archives).size, 3);
  assert.deepEqual(readdirSync(node.checkpoints).sort(), archives.map((path) => basename(path)).sort());
  for (const archive of archives) {
    const checkpoint = await openCheckpoint(archive);
    assert.ok((await checkpoint.members()).get('checkpoint/inventory.img'));
    await checkpoint.close();
  }
});

test(
  'what CRIU cannot save on containerd is answered with 500, its reason and what to do',
  needsRuntime,
  async (t) => {
    const { ctd, node, post } = await machine(t);
    const container = await ctd.run('odd', 'crun', ['vsock']);
    await until('it runs', () => readFileSync(container.log, 'utf8').includes('ready'));
    const { status, body } = await post('/checkpoint/default/odd/c', withToken);
    assert.equal(status, 500);
    assert.match(body, /rpc error: code = Unknown desc = checkpointing container .*vsock socket.*close it/s);
    assert.deepEqual(readdirSync(node.checkpoints), []);
  },
);

test(
  'the daemon killed while containerd works: nothing is left, the container runs',
  needsRuntime,
  async (t) => {
    const { ctd, node, post } = await machine(t);
    const container = await ctd.run('killed', 'crun', ['memory', '200']);
    await grows(container.log);
    for (const wait of [40, 80, 120, 200]) {
      const call = post('/checkpoint/default/killed/c', withToken).catch(() => undefined);
      await sleep(wait);
      await node.stop('SIGKILL');
      await call;
      await node.start();
      await grows(container.log);
      assert.ok(readdirSync(node.checkpoints).every((name) => name.endsWith('.tar')));
    }
    await until('nothing is noted any more', () => underWay(node).length === 0);
    assert.equal((await post('/checkpoint/default/killed/c', withToken)).status, 200);
  },
);

test(
  'containerd killed in the middle of a checkpoint: told so, the container runs, then it works again',
  needsRuntime,
  async (t) => {
    const { ctd, node, post } = await machine(t);
    const container = await ctd.run('orphan', 'crun', ['memory', '300']);
    await grows((await ctd.run('other', 'crun', ['memory', '1'])).log);
    await grows(container.log);
    const cgroup = await cgroupOfContainer(ctd.containerd.runtime, container.id);
    assert.ok(cgroup);
    const call = post('/checkpoint/default/orphan/c', withToken);
    await until('the checkpoint is under way', () => underWay(node).length === 1);
    await sleep(100);
    await ctd.containerd.crash();
    const { status, body } = await call;
    assert.equal(status, 500);
    assert.match(body, /the container runtime has ended or is starting/);
    // containerd writes the log, so the log tells nothing now.
    await until('it runs', async () => !(await isFrozen(cgroup)));
    assert.deepEqual(readdirSync(node.checkpoints), []);
    await ctd.containerd.again();
    // What was being dumped is unknown to containerd from now on; everything else goes on through the same daemon.
    const other = await until('it works again', async () => {
      const found = await post('/checkpoint/default/other/c', withToken);
      return found.status === 200 ? found : undefined;
    });
    assert.equal(JSON.parse(other.body).items.length, 1);
    assert.equal(await isFrozen(cgroup), false);
    await until('nothing is noted any more', () => underWay(node).length === 0);
  },
);
