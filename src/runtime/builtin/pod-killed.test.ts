import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestNode } from '../../../test/checkpoint-node.ts';
import { folderFor, needsRuntime, until } from '../../../test/runtime.ts';
import { namedIn, processesNamed } from '../../../test/victims.ts';
import { cgroupOf, isFrozen } from './freezer.ts';
import { supervisorCgroup } from './supervisor.ts';

/** Two that talk over TCP, and two that share memory and a pipe: the second tells of a cut that is none. */
const talkers = { server: ['server', '7000'], client: ['client', '7000'] };
const sharers = { writer: ['writer', '/dev/shm/number'], reader: ['reader', '/dev/shm/number'] };
type Loads = Readonly<Record<string, readonly string[]>>;

function scratchOf(folder: string): string[] {
  const scratch = join(folder, 'lib/scratch');
  return existsSync(scratch) ? readdirSync(scratch).map((name) => join(scratch, name)) : [];
}

/** Whether a capture has come so far. */
const steps: Readonly<Record<string, (folder: string) => boolean>> = {
  'before the first dump': (folder) => scratchOf(folder).length > 0,
  'in the first dump': (folder) =>
    scratchOf(folder).some((at) => existsSync(join(at, '0/images/pages-1.img'))),
  'in the second dump': (folder) =>
    scratchOf(folder).some((at) => existsSync(join(at, '1/images/pages-1.img'))),
  'while archives are written': (folder) =>
    existsSync(join(folder, 'out')) && readdirSync(join(folder, 'out')).length > 0,
};

async function allRun(
  node: TestNode,
  pod: { config: { logDirectory: string } },
  loads: Loads = talkers,
): Promise<void> {
  for (const { id, state } of (await node.cri.listContainers({})).containers) {
    const { process } = await node.open.runtime.container(id);
    assert.equal(state, 1);
    assert.ok(process, 'the container runs');
    assert.equal(await isFrozen(await cgroupOf(process.pid)), false);
  }
  await node.grows(pod, Object.keys(loads)[1] ?? '', 3);
}

for (const [step, reached] of Object.entries(steps)) {
  test(`a runtime killed ${step} of a pod: all containers run at the next start`, needsRuntime, async (t) => {
    const folder = folderFor(t, 'pod-killed');
    const script = join(import.meta.dirname, '../../../test/pod-killed.ts');
    const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = new Promise((resolve) => child.once('exit', resolve));
    await until(step, () => reached(folder) || child.exitCode !== null);
    child.kill('SIGKILL');
    await exit;
    const node = await TestNode.start(t, { folder, state: join('/run', `st-killed-${child.pid}`) });
    assert.deepEqual(scratchOf(folder), []);
    await allRun(node, { config: { logDirectory: join(folder, 'logs/pod') } });
    // And it can be captured, with nothing in the way.
    const [sandbox] = (await node.cri.listPodSandbox({})).items;
    const containerIds = (await node.cri.listContainers({})).containers.map(({ id }) => id);
    const outputPath = join(folder, 'again');
    mkdirSync(outputPath);
    await node.cri.checkpointPod({ podSandboxId: sandbox?.id ?? '', outputPath, containerIds });
  });
}

async function running(t: TestContext, mib: string, loads: Loads = talkers) {
  const node = await TestNode.start(t);
  const pod = await node.pod();
  const containerIds = [];
  for (const [name, args] of Object.entries(loads)) {
    containerIds.push(await node.run(pod, name, { args: [...args, mib] }));
  }
  await node.grows(pod, Object.keys(loads)[1] ?? '');
  const outputPath = join(node.folder, 'out');
  mkdirSync(outputPath);
  return { node, pod, containerIds, outputPath };
}

for (const program of ['criu', 'crun'] as const) {
  for (const at of ['0', '1'] as const) {
    test(`checkpointPod survives kill -9 of ${program} in dump ${at}`, needsRuntime, async (t) => {
      // CRIU puts connections into a mode of their own while it saves them, and dies with them in it.
      const loads = program === 'criu' ? sharers : talkers;
      const { node, pod, containerIds, outputPath } = await running(t, '200', loads);
      const call = node.cri.checkpointPod({ podSandboxId: pod.id, outputPath, containerIds });
      call.catch(() => {});
      await until('the pages', () =>
        scratchOf(node.folder).some((path) => existsSync(join(path, at, 'images/pages-1.img'))),
      );
      const victims = processesNamed(program);
      assert.notEqual(victims.length, 0);
      for (const pid of victims) process.kill(pid, 'SIGKILL');
      await assert.rejects(call, /Failed to checkpoint container/);
      assert.deepEqual(readdirSync(outputPath), []);
      assert.deepEqual(scratchOf(node.folder), []);
      await allRun(node, pod, loads);
    });
  }
}

test('checkpointPod survives kill -9 of the supervisors', needsRuntime, async (t) => {
  const { node, pod, containerIds, outputPath } = await running(t, '8');
  for (const id of containerIds) {
    const { supervisor } = await node.open.runtime.container(id);
    if (supervisor) process.kill(supervisor.pid, 'SIGKILL');
  }
  await node.cri.checkpointPod({ podSandboxId: pod.id, outputPath, containerIds });
  for (const { state } of (await node.cri.listContainers({})).containers) assert.equal(state, 1);
  await node.cri.stopPodSandbox({ podSandboxId: pod.id });
  await restoresOnce(node, outputPath);
});

/** The checkpoint is whole: a pod comes of it, and one only. */
async function restoresOnce(node: TestNode, checkpointPath: string): Promise<void> {
  const config = node.podConfig('whole');
  const containerConfigs = Object.keys(talkers).map((name) => node.config(name, {}));
  const { restoredContainers } = await node.cri.restorePod({ checkpointPath, config, containerConfigs });
  for (const { containerId } of restoredContainers) await node.cri.startContainer({ containerId });
  await node.grows({ config }, 'client', 3);
}

for (const program of ['criu', 'crun', 'conmon'] as const) {
  test(
    `a restore of a pod survives kill -9 of ${program}: nothing of it is left`,
    needsRuntime,
    async (t) => {
      const { node, pod, containerIds, outputPath } = await running(t, '200');
      await node.cri.checkpointPod({ podSandboxId: pod.id, outputPath, containerIds });
      await node.cri.stopPodSandbox({ podSandboxId: pod.id });
      await node.cri.removePodSandbox({ podSandboxId: pod.id });
      const config = node.podConfig('broken');
      const containerConfigs = Object.keys(talkers).map((name) => node.config(name, {}));
      const request = { checkpointPath: outputPath, config, containerConfigs };
      const { podSandboxId, restoredContainers } = await node.cri.restorePod(request);
      const [first] = restoredContainers;
      const containerId = first?.containerId ?? '';
      const starting = node.cri.startContainer({ containerId });
      starting.catch(() => {});
      const cgroup = join('/sys/fs/cgroup', supervisorCgroup(containerId));
      const victims = await until(`a ${program}`, () => {
        const found = namedIn(cgroup, program);
        return found.length > 0 ? found : undefined;
      });
      await sleep(program === 'criu' ? 20 : 0);
      for (const pid of victims) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It was faster; then the container runs.
        }
      }
      const failed = await starting.then(
        () => false,
        () => true,
      );
      const { status } = await node.cri.containerStatus({ containerId });
      assert.equal(status?.state, failed ? 2 : 1);
      await node.cri.stopPodSandbox({ podSandboxId });
      await node.cri.removePodSandbox({ podSandboxId });
      await until('no process is left', () => namedIn(cgroup, program).length === 0);
      await restoresOnce(node, outputPath);
      assert.equal((await node.cri.listPodSandbox({})).items.length, 1);
    },
  );
}
