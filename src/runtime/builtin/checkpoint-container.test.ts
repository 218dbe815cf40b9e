import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestNode } from '../../../test/checkpoint-node.ts';
import { needsRuntime } from '../../../test/runtime.ts';

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
