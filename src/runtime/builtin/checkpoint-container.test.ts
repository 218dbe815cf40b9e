import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestNode } from '../../../test/checkpoint-node.ts';
import { needsRuntime, runFor } from '../../../test/runtime.ts';
import { tcpStreams } from '../../../test/tcp-streams.ts';

for (const runtime of ['crun', 'runc'] as const) {
  test(
    `checkpointContainer leaves it running, and its memory comes back whole (${runtime})`,
    needsRuntime,
    async (t) => {
      const node = await TestNode.start(t, { runtime });
      const pod = await node.pod('first');
      const id = await node.run(pod, 'memory', { args: ['memory', '64'] });
      const [, sum] = (await node.grows(pod, 'memory', 3)).split(' ');
      const archive = join(node.folder, 'memory.tar');
      await node.checkpoint(id, archive);
      const at = Number((await node.grows(pod, 'memory', 2)).split(' ')[0]);

      const second = await node.pod('second');
      await node.run(second, 'memory', { archive });
      const [number, sameSum] = (await node.grows(second, 'memory', 3)).split(' ');
      assert.equal(sameSum, sum);
      const [first] = node.output(second, 'memory').map((line) => Number(line.split(' ')[0]));
      assert.ok(first !== undefined && first > 0 && first <= at, `${first} ${at}`);
      assert.ok(Number(number) > first);
    },
  );
}

test(
  'checkpointContainer finds a good moment for a program that forks all the time, 20 times in a row',
  needsRuntime,
  async (t) => {
    const node = await TestNode.start(t);
    const pod = await node.pod();
    const loop = 'i=0; while true; do /bin/true; i=$((i+1)); [ $((i % 50)) = 0 ] && echo $i; done';
    const shell = await node.run(pod, 'shell', { args: ['/bin/sh', '-c', loop] });
    const spawner = await node.run(pod, 'spawner', { args: ['spawn'] });
    await node.grows(pod, 'shell', 1);
    for (let round = 0; round < 20; round++) {
      await node.checkpoint(round % 2 === 0 ? shell : spawner, join(node.folder, `${round}.tar`));
    }
    await node.grows(pod, 'shell', 1);
    await node.grows(pod, 'spawner', 1);
    const second = await node.pod('second');
    await node.run(second, 'shell', { archive: join(node.folder, '18.tar') });
    await node.run(second, 'spawner', { archive: join(node.folder, '19.tar') });
    await node.grows(second, 'shell', 1);
    await node.grows(second, 'spawner', 1);
  },
);

for (const runtime of ['crun', 'runc'] as const) {
  test(
    `a restored container has its threads, locks, files and connections (${runtime})`,
    needsRuntime,
    async (t) => {
      const node = await TestNode.start(t, { runtime });
      const pod = await node.pod();
      const loads = { threads: ['threads', '8'], both: ['both', '7000', '1'], lock: ['lock'] };
      const files =
        'rm /etc/old; mkdir -p /tmp/d; echo kept > /tmp/d/f; i=0; while true; do i=$((i+1)); echo $i >> /tmp/count; echo $i $(cat /etc/old 2>&1 || echo gone) $(cat /tmp/d/f); sleep 0.1; done';
      const ids: Record<string, string> = {};
      for (const [name, args] of Object.entries(loads)) ids[name] = await node.run(pod, name, { args });
      ids['files'] = await node.run(pod, 'files', { args: ['/bin/sh', '-c', files] });
      for (const name of ['threads', 'both', 'files']) await node.grows(pod, name, 2);
      const last: Record<string, number> = {};
      for (const [name, id] of Object.entries(ids)) {
        last[name] = Number(node.output(pod, name).at(-1)?.split(' ')[0]);
        await node.checkpoint(id, join(node.folder, `${name}.tar`));
      }
      await node.cri.stopPodSandbox({ podSandboxId: pod.id });
      const second = await node.pod('second');
      for (const name of Object.keys(ids))
        await node.run(second, name, { archive: join(node.folder, `${name}.tar`) });
      for (const name of ['threads', 'both', 'files']) {
        const now = Number((await node.grows(second, name, 2)).split(' ')[0]);
        assert.ok(now >= (last[name] ?? 0), `${name} went on at ${now}, it had been at ${last[name]}`);
      }
      // The image's file stays away, the container's own file is there.
      assert.match(node.output(second, 'files').at(-1) ?? '', /^\d+ .*gone kept$/);
      const status = await node.cri.containerStatus({
        containerId: (await running(node, second.id, 'lock')) ?? '',
      });
      assert.equal(status.status?.state, 1);
    },
  );
}

for (const runtime of ['crun', 'runc'] as const) {
  test(
    `a connection inside a container is restored with what was never sent (${runtime})`,
    needsRuntime,
    async (t) => {
      const node = await TestNode.start(t, { runtime });
      const pod = await node.pod();
      const id = await node.run(pod, 'both', { args: ['both', '7000', '1'] });
      await node.grows(pod, 'both', 1);
      const { network = '' } = node.open.runtime.sandbox(pod.id).namespaces;
      const nft = async (...args: string[]) => {
        const { status, stderr } = await runFor(t, 'nsenter', [`--net=${network}`, 'nft', ...args]);
        assert.equal(status, 0, stderr);
      };
      // What is dropped on its way out counts as not sent; both ends come to wait for the other.
      await nft('add', 'table', 'inet', 'block');
      await nft('add', 'chain', 'inet', 'block', 'out', '{ type filter hook output priority 0; }');
      await nft('add', 'rule', 'inet', 'block', 'out', 'meta l4proto tcp drop');
      await sleep(100);
      const archive = join(node.folder, 'both.tar');
      await node.checkpoint(id, archive);
      await nft('delete', 'table', 'inet', 'block');
      await node.grows(pod, 'both', 2);
      await node.cri.stopPodSandbox({ podSandboxId: pod.id });
      const unsent = (await tcpStreams(archive)).reduce((sum, stream) => sum + (stream.unsq_len ?? 0), 0);
      assert.equal(unsent, 8);
      const second = await node.pod('second');
      await node.run(second, 'both', { archive });
      await node.grows(second, 'both', 2);
    },
  );
}

async function running(node: TestNode, podSandboxId: string, name: string): Promise<string | undefined> {
  const { containers } = await node.cri.listContainers({ filter: { podSandboxId } });
  return containers.find(({ metadata }) => metadata?.name === name)?.id;
}
