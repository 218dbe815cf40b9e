import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { checkpointedPodsFile, entryMembers } from '../../src/kubeletstate/checkpointed-pods.ts';
import { isTemporaryName } from '../../src/localfs/atomic-file.ts';
import { CheckpointsDirectory } from '../../src/localfs/checkpoints-directory.ts';
import { isFrozen } from '../../src/runtime/builtin/freezer.ts';
import { cgroupOfContainer } from '../../src/runtime/cri/let-run.ts';
import { needsRuntime, until } from '../runtime.ts';
import { processesNamed } from '../victims.ts';
import { counting, names, numbers, pair, podMachine, wentOn } from './containerd-pods.ts';
import { signal, type TestNode } from './node.ts';

type Machine = Awaited<ReturnType<typeof podMachine>>;

const entries = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

/** What is being made in the directory of checkpoints, without the list. */
const unfinished = (node: TestNode): string[] =>
  entries(node.checkpoints)
    .filter(isTemporaryName)
    .flatMap((name) => {
      try {
        return readdirSync(join(node.checkpoints, name));
      } catch {
        return [];
      }
    });
const list = (node: TestNode): string => {
  const path = join(node.checkpoints, checkpointedPodsFile);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
};
const records = (node: TestNode): string[] => {
  const folder = join(node.root, 'stasis/pods');
  return entries(folder).map((name) => {
    try {
      return readFileSync(join(folder, name), 'utf8');
    } catch {
      return '';
    }
  });
};
const archives = (node: TestNode): string[] =>
  entries(node.checkpoints).filter((name) => /^\w{64}\.tar$/.test(name));
/** Containers and sandboxes as containerd keeps them. */
const kept = ({ folder }: Machine, what: 'containers' | 'sandboxes'): string[] =>
  entries(join(folder, 'c/root/io.containerd.grpc.v1.cri', what));

/** How far a drain of the pods has come, since before it began. */
interface Before {
  archives: number;
  listed: number;
}
const steps: Readonly<Record<string, (machine: Machine, before: Before) => boolean>> = {
  'when containers are about to be paused': ({ node }) =>
    entries(join(node.root, 'stasis/checkpointing')).length > 0,
  'in the first dump': (machine) =>
    kept(machine, 'containers').some((id) =>
      existsSync(join(machine.folder, 'c/root/io.containerd.grpc.v1.cri/containers', id, 'ctrd-checkpoint')),
    ),
  'between two dumps': ({ node }) => unfinished(node).some((name) => name === 'a.tar'),
  'when all is captured': ({ node }) => unfinished(node).includes('pod.options'),
  'when the archive is there': ({ node }, before) => archives(node).length > before.archives,
  'when it is listed': ({ node }, before) => drainedIn(list(node)) > before.listed,
  'when the pod is to end': ({ node }) => records(node).some((text) => /drained\\?":true/.test(text)),
  'when its containers end': (machine) => kept(machine, 'containers').length < 3,
  'between two pods': (machine) => kept(machine, 'sandboxes').length < 2,
};
const drainedIn = (text: string): number => text.split('"io.stasis.drained"').length - 1;

/** Looks without a pause. */
async function seen(what: () => boolean, over: () => boolean): Promise<void> {
  while (!what() && !over()) await turn();
}

const nothing: Before = { archives: 0, listed: 0 };

/** Drains the node, and strikes at a step of it. */
async function drainUntil(machine: Machine, step: string, strike: () => Promise<unknown>): Promise<void> {
  const { node } = machine;
  const before = { archives: archives(node).length, listed: drainedIn(list(node)) };
  let over = false;
  const drain = node
    .client()
    .drain(undefined, signal())
    .catch(() => undefined)
    .then(() => {
      over = true;
    });
  await seen(
    () => steps[step]?.(machine, before) ?? assert.fail(step),
    () => over,
  );
  await strike();
  await drain;
}

const single = (
  image: string,
  pause = '0.1',
): string => `{apiVersion: v1, kind: Pod, metadata: {name: single}, spec: {
  hostNetwork: true, terminationGracePeriodSeconds: 0, containers: [{name: a, image: "${image}", command: [
  /bin/sh, -c, "n=0; while true; do n=$((n+1)); echo $n; sleep ${pause}; done"]}]}}`;
const both = (image: string, shared: string) => ({ pair: pair(image, shared), single: single(image) });
const expected = [
  ['pair', names],
  ['single', ['a']],
] as const;

/** Every pod runs once, goes on where it was, and nothing unfinished is left. */
async function allGoOn(machine: Machine): Promise<void> {
  const { node, containerd } = machine;
  for (const [pod, containers] of expected) {
    await counting(node, pod, 0, containers);
    wentOn(node, pod, containers);
  }
  await until('nothing is left over', async () => {
    const { items } = await containerd.runtime.listPodSandbox({});
    const { containers } = await containerd.runtime.listContainers({});
    return items.length === 2 && containers.length === 3;
  });
  assert.deepEqual(entries(node.checkpoints).filter(isTemporaryName), []);
  for (const { phase } of await node.pods()) assert.equal(phase, 'Running');
}

for (const handler of ['crun', 'runc'] as const) {
  test(
    `over containerd and ${handler} a daemon killed at any step of a drain loses nothing`,
    needsRuntime,
    async (t) => {
      const machine = await podMachine(t, { handler, manifests: both });
      const { node } = machine;
      await allGoOn(machine);
      for (const [index, step] of Object.keys(steps).entries()) {
        // Every step once: what is done there is the same with both.
        if (index % 2 !== (handler === 'crun' ? 0 : 1)) continue;
        await drainUntil(machine, step, () => node.stop('SIGKILL'));
        t.diagnostic(`killed ${step}`);
        await node.start();
        await allGoOn(machine);
      }
    },
  );
}

test(
  'over containerd a daemon that SIGTERM ends amid a drain leaves nothing paused',
  needsRuntime,
  async (t) => {
    const machine = await podMachine(t, { handler: 'runc', manifests: both });
    const { node, containerd } = machine;
    await allGoOn(machine);
    for (const step of ['between two dumps', 'when all is captured']) {
      await drainUntil(machine, step, () => node.stop('SIGTERM'));
      for (const { id } of (await containerd.runtime.listContainers({})).containers) {
        const cgroup = await cgroupOfContainer(containerd.runtime, id);
        assert.equal(cgroup !== undefined && (await isFrozen(cgroup)), false, `paused ${step}`);
      }
      await node.start();
      await allGoOn(machine);
    }
  },
);

test(
  'over containerd what a drain had captured when its daemon was killed ends while it is paused',
  needsRuntime,
  async (t) => {
    const manifests = (image: string) => ({ single: single(image, '0.02') });
    const machine = await podMachine(t, { handler: 'crun', manifests });
    const { node, containerd } = machine;
    await counting(node, 'single', 0, ['a']);
    // A containerd that stands still keeps the daemon from ending the pod itself: from here on it asks for nothing else.
    const engine = processesNamed('containerd');
    await drainUntil(machine, 'when all is captured', async () => {
      for (const pid of engine) process.kill(pid, 'SIGSTOP');
      await until('the pod is to end', () => steps['when the pod is to end']?.(machine, nothing));
      await node.stop('SIGKILL');
    });
    for (const pid of engine) process.kill(pid, 'SIGCONT');
    const [left] = (await containerd.runtime.listContainers({})).containers;
    const cgroup = left && (await cgroupOfContainer(containerd.runtime, left.id));
    assert.ok(cgroup && (await isFrozen(cgroup)), 'it is there, and paused');
    await node.start();
    await counting(node, 'single', 0, ['a']);
    wentOn(node, 'single', ['a']);
    assert.equal((await node.pod('single'))?.restored, true);

    // Killed a little earlier: it is listed, and was not to end yet.
    const { sandboxId } = await node.client().checkpointPod('default', 'single', 0, signal());
    await node.stop('SIGKILL');
    await new CheckpointsDirectory(node.checkpoints).update((known) => ({
      ...known,
      pods: known.pods.map((pod) =>
        pod.sandboxId === sandboxId
          ? { ...pod, extra: new Map([...pod.extra, [entryMembers.drained, '2026-01-01T00:00:00Z']]) }
          : pod,
      ),
    }));
    const listed = drainedIn(list(node));
    await node.start();
    await counting(node, 'single', 0, ['a']);
    wentOn(node, 'single', ['a']);
    assert.equal(drainedIn(list(node)), listed - 1);
    rmSync(join(node.manifests, 'single.yaml'));
    await until('the pod is gone', async () => (await node.pods()).length === 0);
    await node.stop('SIGKILL');
    await node.start();
    assert.deepEqual(await node.pods(), [], 'it does not come back');
  },
);

const isBegun = (node: TestNode): boolean => /io\.stasis\.restoring"\s*:\s*"2/.test(list(node));

/** What runs, or is about to, sandboxes included. */
const tasks = ({ folder }: Machine): number =>
  entries(join(folder, 'c/io.containerd.runtime.v2.task/k8s.io')).length;

const restoreSteps: Readonly<Record<string, (machine: Machine) => boolean>> = {
  'before anything is made': ({ node }) => isBegun(node),
  'when its sandbox is being made': (machine) => kept(machine, 'sandboxes').length > 0,
  'when a container is being made': (machine) => kept(machine, 'containers').length > 0,
  'when all are made': (machine) => kept(machine, 'containers').length > 1,
  'when the first continues': (machine) => tasks(machine) > 1,
  'when the second continues': (machine) => tasks(machine) > 2,
};

/** The pod goes on, once, and not from its beginning. */
async function restoredOnce({ node, containerd }: Machine): Promise<void> {
  await counting(node, 'pair', 0);
  for (const name of names) {
    const beginnings = numbers(node, 'pair', name).filter((number) => number === 1);
    assert.equal(beginnings.length, 1, `${name} started anew`);
  }
  const { items } = await containerd.runtime.listPodSandbox({});
  const { containers } = await containerd.runtime.listContainers({});
  assert.deepEqual([items.length, containers.length], [1, 2]);
  assert.deepEqual(entries(join(node.root, 'stasis/restore')), []);
  await until('the end is noted', () => !isBegun(node));
}

test(
  'over containerd a daemon killed at any step of a restore continues the pod once',
  needsRuntime,
  async (t) => {
    const machine = await podMachine(t, { handler: 'crun' });
    const { node } = machine;
    await counting(node, 'pair', 0);
    for (const [step, reached] of Object.entries(restoreSteps)) {
      assert.equal((await node.stasis('drain')).status, 0);
      let over = false;
      const uncordon = node
        .client()
        .uncordon(signal())
        .catch(() => undefined)
        .then(() => {
          over = true;
        });
      await seen(
        () => reached(machine),
        () => over,
      );
      const late = over;
      await node.stop('SIGKILL');
      await uncordon;
      t.diagnostic(`killed ${step}${late ? ', too late' : ''}`);
      await node.start();
      await restoredOnce(machine);
    }
  },
);

test(
  'over containerd a pod of which a container did not come to run is restored anew',
  needsRuntime,
  async (t) => {
    const machine = await podMachine(t, { handler: 'runc' });
    const { node, containerd, shared } = machine;
    const created = async () => {
      const { containers } = await containerd.runtime.listContainers({ filter: { state: { state: 0 } } });
      return containers.find(({ metadata }) => metadata?.name === 'b')?.id;
    };
    for (let attempt = 1; ; attempt++) {
      await counting(node, 'pair', 0);
      assert.equal((await node.stasis('drain')).status, 0);
      const uncordon = node
        .client()
        .uncordon(signal())
        .catch(() => undefined);
      await until('the second is made', created);
      await node.stop('SIGKILL');
      await uncordon;
      const containerId = await created();
      if (containerId !== undefined) {
        // CRIU misses the file that it had open.
        renameSync(join(shared, 'held'), join(shared, 'away'));
        await assert.rejects(containerd.runtime.startContainer({ containerId }));
        renameSync(join(shared, 'away'), join(shared, 'held'));
        break;
      }
      // It was started before the daemon was killed: that does not happen each time.
      assert.ok(attempt < 5, 'the daemon was killed before it started the second');
      await node.start();
    }
    await node.start();
    await restoredOnce(machine);
  },
);
