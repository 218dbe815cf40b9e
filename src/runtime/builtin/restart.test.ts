import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { CriBench, type CriUnderTest, logLines } from '../../../test/contract/cri.ts';
import { busyboxImage, writeOciLayout } from '../../../test/images.ts';
import { needsRuntime, noCni, project, until } from '../../../test/runtime.ts';
import { ContainerState, ImageService, PodSandboxState, RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { createBuiltinRuntime, type OpenRuntime } from './builtin-runtime.ts';
import { findCgroups } from './cgroups.ts';
import { mountPoints, unmount } from './mounts.ts';
import { supervisorCgroup } from './supervisor.ts';

const image = 'localhost/busybox:1';

interface Node {
  folder: string;
  root: string;
  state: string;
  /** Of all its pods; other tests run at the same time. */
  cgroup: string;
  /** Ids of all containers that it was seen to have. */
  containers: Set<string>;
  open(): Promise<Opened>;
}

interface Opened extends CriUnderTest {
  bench: CriBench;
  log: string[];
}

/** A folder for a runtime that is opened again and again; at the end everything is removed, and nothing left. */
async function nodeFor(t: TestContext): Promise<Node> {
  const folder = mkdtempSync(join(tmpdir(), 'restart-'));
  const [root, state] = [join(folder, 'root'), join(folder, 'state')];
  mkdirSync(join(root, 'go'), { recursive: true });
  let last: OpenRuntime | undefined;
  const node: Node = {
    ...{ folder, root, state, cgroup: `/${basename(folder)}`, containers: new Set() },
    async open() {
      await last?.close();
      const log: string[] = [];
      const open = await createBuiltinRuntime({ root, state, cni: noCni, log: (line) => log.push(line) });
      last = open;
      const transport = createRouterTransport((router) => open.routes(router));
      const [runtime, images] = [
        createClient(RuntimeService, transport),
        createClient(ImageService, transport),
      ];
      const cri = { runtime, images, image, handler: '', stop: () => open.close() };
      return { ...cri, log, bench: new CriBench(cri, folder, node.cgroup) };
    },
  };
  t.after(async () => {
    await removePods(node, await node.open());
    await last?.close();
    await assertNothingLeft(node);
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  const layout = join(folder, 'image');
  await writeOciLayout(layout, image, busyboxImage());
  await (await node.open()).images.pullImage({ image: { image: `oci:${layout}` } });
  return node;
}

async function removePods(node: Node, { runtime }: CriUnderTest): Promise<void> {
  for (const { id } of (await runtime.listContainers({})).containers) node.containers.add(id);
  for (const { id } of (await runtime.listPodSandbox({})).items) {
    await runtime.removePodSandbox({ podSandboxId: id });
  }
}

async function assertNothingLeft({ folder, root, state, cgroup, containers }: Node): Promise<void> {
  assert.deepEqual(
    (await mountPoints()).filter((path) => path.startsWith(folder)),
    [],
  );
  for (const path of [join(root, 'containers'), join(root, 'sandboxes'), join(root, 'exits')]) {
    assert.deepEqual(readdirSync(path), [], path);
  }
  for (const path of [join(state, 'containers'), join(state, 'sandboxes'), join(state, 'crun')]) {
    const names = existsSync(path) ? readdirSync(path) : [];
    // crun keeps an empty folder of its own.
    assert.deepEqual(
      names.filter((name) => name !== '.empty-directory'),
      [],
      path,
    );
  }
  const { mount } = await findCgroups();
  if (existsSync(join(mount, cgroup))) {
    const left = readdirSync(join(mount, cgroup), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    assert.deepEqual(left, []);
  }
  for (const id of containers) assert.ok(!existsSync(join(mount, supervisorCgroup(id))), id);
}

const counting = 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done';

async function infoOf(cri: CriUnderTest, containerId: string): Promise<{ pid: number; notes: string[] }> {
  const { info } = await cri.runtime.containerStatus({ containerId, verbose: true });
  return JSON.parse(info['info'] ?? '{}');
}

test(
  'createBuiltinRuntime goes on with what runs, and no line of the log is lost',
  needsRuntime,
  async (t) => {
    const node = await nodeFor(t);
    const first = await node.open();
    const pod = await first.bench.pod();
    const id = await pod.run(counting);
    const { logPath, startedAt } = await pod.status(id);
    await until('some lines', () => logLines(logPath).length > 3);
    const before = await infoOf(first, id);
    const second = await node.open();
    const status = (await second.runtime.containerStatus({ containerId: id })).status;
    assert.equal(status?.state, ContainerState.CONTAINER_RUNNING);
    assert.equal(status.startedAt, startedAt);
    assert.equal((await infoOf(second, id)).pid, before.pid);
    const seen = logLines(logPath).length;
    await until('more lines', () => logLines(logPath).length > seen + 3);
    await second.runtime.stopContainer({ containerId: id, timeout: 0n });
    const numbers = logLines(logPath).map(([, text]) => Number(text));
    assert.deepEqual(
      numbers,
      numbers.map((_number, at) => at + 1),
    );
  },
);

test('createBuiltinRuntime notices what has ended while nobody looked', needsRuntime, async (t) => {
  const node = await nodeFor(t);
  const first = await node.open();
  const pod = await first.bench.pod();
  const go = join(node.folder, 'flag');
  mkdirSync(go);
  const script = 'until test -e /go/on; do sleep 0.02; done; exit 42';
  const id = await pod.run(script, { mounts: [{ hostPath: go, containerPath: '/go' }] });
  await first.stop();
  writeFileSync(join(go, 'on'), '');
  await until('the exit file', () => existsSync(join(node.root, 'exits', id)));
  const second = await node.open();
  const { status } = await second.runtime.containerStatus({ containerId: id });
  assert.equal(status?.state, ContainerState.CONTAINER_EXITED);
  assert.deepEqual([status.exitCode, status.reason], [42, 'Error']);
  assert.ok(status.finishedAt > status.startedAt);
});

test('a runtime that was killed at any moment leaves nothing undecided', needsRuntime, async (t) => {
  const node = await nodeFor(t);
  await (await node.open()).stop();
  for (const delay of [0, 30, 70, 120]) {
    const owner = spawn(
      process.execPath,
      [join(project, 'test/runtime-owner.ts'), node.root, node.state, image, node.cgroup],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const ended = new Promise((done) => owner.once('exit', done));
    const lines = createInterface({ input: owner.stdout })[Symbol.asyncIterator]();
    const started: string[] = [];
    while (started.length < 1) {
      const line = String((await lines.next()).value);
      if (line.startsWith('started ')) started.push(line.slice('started '.length));
    }
    await sleep(delay);
    owner.kill('SIGKILL');
    await ended;
    const opened = await node.open();
    const { runtime, stop } = opened;
    const { containers } = await runtime.listContainers({});
    const running = containers.filter(({ state }) => state === ContainerState.CONTAINER_RUNNING);
    for (const id of started)
      assert.ok(
        running.some((container) => container.id === id),
        `${id} goes on`,
      );
    writeFileSync(join(node.root, 'go/on'), '');
    for (const { id } of running) {
      const exit = await until('the container to end', async () => {
        const { status } = await runtime.containerStatus({ containerId: id });
        return status?.state === ContainerState.CONTAINER_EXITED ? status : undefined;
      });
      assert.equal(exit.exitCode, 9);
    }
    // One that had not been started can be, now.
    for (const { id, state } of containers) {
      if (state === ContainerState.CONTAINER_CREATED) await runtime.startContainer({ containerId: id });
    }
    rmSync(join(node.root, 'go/on'));
    await removePods(node, opened);
    await stop();
    await assertNothingLeft(node);
  }
});

test(
  'a container whose supervisor was killed runs on; its exit status is not known',
  needsRuntime,
  async (t) => {
    const node = await nodeFor(t);
    const first = await node.open();
    const pod = await first.bench.pod();
    const id = await pod.run('trap "" PIPE; while :; do sleep 0.02; done');
    const { pid } = await infoOf(first, id);
    const supervisor = Number(readFileSync(join(node.state, 'containers', id, 'conmon.pid'), 'utf8'));
    process.kill(supervisor, 'SIGKILL');
    const { runtime } = await node.open();
    const running = (await runtime.containerStatus({ containerId: id })).status;
    assert.equal(running?.state, ContainerState.CONTAINER_RUNNING);
    process.kill(pid, 'SIGKILL');
    const exit = await until('the end to be noticed', async () => {
      const { status } = await runtime.containerStatus({ containerId: id });
      return status?.state === ContainerState.CONTAINER_EXITED ? status : undefined;
    });
    assert.deepEqual([exit.exitCode, exit.reason], [255, 'Unknown']);
    assert.match(exit.message, /status is not known/);
  },
);

test('after a reboot pods count as stopped and what ran in them as ended', needsRuntime, async (t) => {
  const node = await nodeFor(t);
  const first = await node.open();
  const pod = await first.bench.pod();
  const running = await pod.run(counting);
  const created = await pod.create('true');
  const { pid } = await infoOf(first, running);
  await first.stop();
  // What a reboot does: no process, no mount, an empty /run.
  const supervisor = Number(readFileSync(join(node.state, 'containers', running, 'conmon.pid'), 'utf8'));
  process.kill(supervisor, 'SIGKILL');
  process.kill(pid, 'SIGKILL');
  await until('the process to be gone', () => !existsSync(`/proc/${pid}/exe`));
  for (const path of new Set(await mountPoints())) if (path.startsWith(node.folder)) await unmount(path);
  rmSync(node.state, { recursive: true });
  const { runtime, log } = await node.open();
  const { items } = await runtime.listPodSandbox({});
  assert.deepEqual(
    items.map(({ state }) => state),
    [PodSandboxState.SANDBOX_NOTREADY],
  );
  const exit = (await runtime.containerStatus({ containerId: running })).status;
  assert.deepEqual([exit?.state, exit?.reason], [ContainerState.CONTAINER_EXITED, 'Unknown']);
  await assert.rejects(runtime.startContainer({ containerId: created }), /not running/);
  assert.ok(log.some((line) => line.includes(pod.id)));
});

test('createBuiltinRuntime refuses a folder that another process has open', needsRuntime, async (t) => {
  const node = await nodeFor(t);
  await node.open();
  await assert.rejects(createBuiltinRuntime({ root: node.root, state: node.state }), {
    code: 'failed-precondition',
    message: `another process uses the runtime in ${node.root}`,
  });
});
