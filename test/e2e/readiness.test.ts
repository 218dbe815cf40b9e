import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { containerdWithLoad, grows } from '../engines/loaded-containerd.ts';
import { atEnd, needsRuntime, until } from '../runtime.ts';
import { signal, TestNode } from './node.ts';

test('the daemon waits for its runtime, says so, and works when it comes', needsRuntime, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'stasis-ctd-'));
  const socket = join(folder, 'c/containerd.sock');
  const node = new TestNode(t, ['--container-runtime-endpoint', `unix://${socket}`]);
  atEnd(t, () => rmSync(folder, { recursive: true, force: true }));
  await node.start();
  const client = node.client();
  await assert.rejects(client.ready(signal()), (error: Error) => {
    assert.match(
      error.message,
      /^\[\+\]ping ok\n\[-\]runtime failed: waiting for the container runtime: .*ENOENT/,
    );
    assert.match(error.message, /\nreadyz check failed$/);
    return true;
  });
  await assert.rejects(client.pods(signal()), {
    code: 'unavailable',
    message: /^waiting for the container runtime/,
  });
  const target = { namespace: 'default', pod: 'one', container: 'c' };
  await assert.rejects(
    client.checkpointContainer(target, undefined, signal()),
    /waiting for the container runtime/,
  );
  const said = await node.stasis('get', 'pods');
  assert.notEqual(said.status, 0);
  assert.match(said.stderr, /waiting for the container runtime/);
  assert.match(node.log, /"level":"warn","message":"waiting for the container runtime/);
  // It ends as it should while it waits.
  assert.equal(await node.stop(), 0);
  await node.start();

  const ctd = await containerdWithLoad(t, { folder });
  await until('it is ready', () => node.client().ready(signal()));
  assert.equal(
    await node.client().ready(signal()),
    '[+]ping ok\n[+]runtime ok\n[+]disk ok\nreadyz check passed\n',
  );
  const container = await ctd.run('one', 'crun', ['memory', '4']);
  await grows(container.log);
  const made = await node.client().makeContainerCheckpoint(target, undefined, signal());
  assert.ok(made.size > 4 << 20);
  const runtime = await node.client().runtime(signal());
  assert.deepEqual([runtime.builtIn, runtime.name, runtime.socket], [false, 'containerd', socket]);
  // CRIU's own figure, out of the archive, as containerd tells nothing of it.
  await until('the frozen time is known', async () =>
    /^stasis_checkpoint_frozen_seconds_count\{kind="container"\} 1$/m.test(
      await node.client().metrics(signal()),
    ),
  );
});
