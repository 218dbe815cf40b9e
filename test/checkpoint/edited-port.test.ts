import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestNode } from '../checkpoint-node.ts';
import { needsRuntime, project, runFor, until } from '../runtime.ts';

for (const runtime of ['crun', 'runc'] as const) {
  test(
    `edit --tcp-listen-remap: a server restored by ${runtime} listens on the new port only`,
    needsRuntime,
    async (t) => {
      const node = await TestNode.start(t, { runtime });
      const pod = await node.pod('first');
      const id = await node.run(pod, 'server', { args: ['server', '7100', '1'] });
      const connections = { containerId: id, cmd: ['/bin/cat', '/proc/net/tcp'], timeout: 20n };
      await until('it listens', async () => {
        const { stdout } = await node.cri.execSync(connections);
        return Buffer.from(stdout).includes(`:${(7100).toString(16).toUpperCase()} `);
      });
      const archive = join(node.folder, 'server.tar');
      await node.checkpoint(id, archive);
      const stasis = (...line: string[]) =>
        runFor(t, process.execPath, [join(project, 'bin/stasis.cjs'), ...line]);
      const edited = await stasis('edit', '--tcp-listen-remap', '7100:7200', archive);
      assert.equal(edited.status, 0, edited.stderr);
      const { stdout } = await stasis('inspect', '--sockets', archive);
      assert.match(stdout, /\[TCP \(LISTEN\)\] +127\.0\.0\.1:7200 /);
      assert.doesNotMatch(stdout, /7100/);
      assert.equal((await stasis('verify', archive)).status, 0);

      const second = await node.pod('second');
      const containerId = await node.run(second, 'server', { archive });
      const refused = await node.cri.execSync({
        containerId,
        cmd: ['/bin/nc', '127.0.0.1', '7100'],
        timeout: 20n,
      });
      assert.notEqual(refused.exitCode, 0);
      // The client goes on only when each of its numbers came back one higher.
      await node.run(second, 'client', { args: ['client', '7200', '1'] });
      assert.ok(Number(await node.grows(second, 'client', 2)) >= 100);
    },
  );
}
