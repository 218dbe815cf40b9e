import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { checkpointedPodsFile } from '../../src/kubeletstate/checkpointed-pods.ts';
import { isTemporaryName } from '../../src/localfs/atomic-file.ts';
import { needsRuntime, until } from '../runtime.ts';
import { counting, names, pair, podMachine, wentOn } from './containerd-pods.ts';
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
  'when the pod is to end': ({ node }) => records(node).some((text) => text.includes('"drained":true')),
  'when its containers end': (machine) => kept(machine, 'containers').length < 3,
  'between two pods': (machine) => kept(machine, 'sandboxes').length < 2,
};
const drainedIn = (text: string): number => text.split('"io.stasis.drained"').length - 1;

/** Looks without a pause. */
async function seen(what: () => boolean, over: () => boolean): Promise<void> {
  while (!what() && !over()) await turn();
}

const single = (image: string): string => `{apiVersion: v1, kind: Pod, metadata: {name: single}, spec: {
  hostNetwork: true, terminationGracePeriodSeconds: 0, containers: [{name: a, image: "${image}", command: [
  /bin/sh, -c, "n=0; while true; do n=$((n+1)); echo $n; sleep 0.1; done"]}]}}`;
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
      for (const [index, [step, reached]] of Object.entries(steps).entries()) {
        // Every step once: what is done there is the same with both.
        if (index % 2 !== (handler === 'crun' ? 0 : 1)) continue;
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
          () => reached(machine, before),
          () => over,
        );
        await node.stop('SIGKILL');
        await drain;
        t.diagnostic(`killed ${step}`);
        await node.start();
        await allGoOn(machine);
      }
    },
  );
}
