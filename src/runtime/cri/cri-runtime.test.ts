import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectError, createClient } from '@connectrpc/connect';
import { containerdWithLoad, grows } from '../../../test/engines/loaded-containerd.ts';
import { atEnd, folderFor, needsRuntime, until } from '../../../test/runtime.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { type CriRuntime, openCriRuntime } from './cri-runtime.ts';

async function open(t: TestContext, path: string, notes: string): Promise<CriRuntime> {
  const runtime = await openCriRuntime({ path, notes });
  atEnd(t, () => runtime.close());
  return runtime;
}

for (const handler of ['crun', 'runc'] as const) {
  test(
    `a checkpoint by containerd and ${handler} that is given up leaves the container running`,
    needsRuntime,
    async (t) => {
      const ctd = await containerdWithLoad(t);
      const notes = join(ctd.folder, 'notes');
      const connected = await open(t, ctd.containerd.socket, notes);
      assert.equal(connected.facts.name, 'containerd');
      assert.deepEqual(connected.ability, { can: true });
      const container = await ctd.run('given-up', handler, ['memory', '200']);
      await grows(container.log);
      const runtime = createClient(RuntimeService, connected.transport);
      let givenUp = 0;
      for (const wait of [10, 40, 80, 120, 200]) {
        const location = join(ctd.folder, `${wait}.tar`);
        const abort = AbortSignal.timeout(wait);
        const outcome = await runtime
          .checkpointContainer({ containerId: container.id, location }, { signal: abort })
          .catch((error: unknown) => error);
        if (outcome instanceof ConnectError) givenUp++;
        await grows(container.log);
      }
      assert.ok(givenUp > 0, 'at least one was in the middle');
      const location = join(ctd.folder, 'whole.tar');
      await runtime.checkpointContainer({ containerId: container.id, location });
      assert.ok(readFileSync(location).includes('checkpoint/pages-1.img'));
      await grows(container.log);
      assert.deepEqual(readdirSync(notes), []);
    },
  );
}

test('recover lets a container run whose checkpoint ended with its asker', needsRuntime, async (t) => {
  const ctd = await containerdWithLoad(t);
  const notes = join(ctd.folder, 'notes');
  const container = await ctd.run('orphan', 'crun', ['memory', '200']);
  await grows(container.log);
  // As a process that is killed: the note is there, the call breaks off, nobody looks after it.
  mkdirSync(notes);
  writeFileSync(join(notes, container.id), '');
  for (let wait = 30; ; wait += 30) {
    const location = join(ctd.folder, 'x.tar');
    await ctd.containerd.runtime
      .checkpointContainer({ containerId: container.id, location }, { timeoutMs: wait })
      .catch(() => undefined);
    const before = readFileSync(container.log, 'utf8').length;
    await sleep(500);
    if (readFileSync(container.log, 'utf8').length === before) break;
    assert.ok(wait < 600, 'containerd has left it frozen once');
  }
  const connected = await open(t, ctd.containerd.socket, notes);
  assert.deepEqual(await connected.recover(), [container.id]);
  await grows(container.log);
  await until('nothing is noted any more', () => readdirSync(notes).length === 0);
});

test('a failure of CRIU is explained by the log that containerd names', needsRuntime, async (t) => {
  const ctd = await containerdWithLoad(t);
  const connected = await open(t, ctd.containerd.socket, join(ctd.folder, 'notes'));
  const runtime = createClient(RuntimeService, connected.transport);
  for (const handler of ['crun', 'runc'] as const) {
    const container = await ctd.run(`odd-${handler}`, handler, ['vsock']);
    await until('it has its socket', () => readFileSync(container.log, 'utf8').includes('ready'));
    const location = join(ctd.folder, 'x.tar');
    await assert.rejects(
      runtime.checkpointContainer({ containerId: container.id, location }),
      (error: unknown) => {
        assert.ok(error instanceof ConnectError && error.cause instanceof CodedError, String(error));
        assert.match(error.cause.hint ?? '', /vsock socket .* which CRIU cannot save: close it/);
        return true;
      },
    );
  }
});

test('without criu containerd is found unable, with the package to install', needsRuntime, async (t) => {
  const ctd = await containerdWithLoad(t, { withoutCriu: true });
  const { ability } = await open(t, ctd.containerd.socket, join(ctd.folder, 'notes'));
  assert.ok(!ability.can && !ability.never, 'it cannot now');
  assert.match(ability.hint ?? '', /install criu 3\.16 or newer/);
});

test('a socket where nobody answers is refused by its name', async (t) => {
  const folder = folderFor(t, 'none');
  const path = join(folder, 'containerd.sock');
  await assert.rejects(openCriRuntime({ path, notes: folder }), (error: unknown) => {
    assert.ok(error instanceof CodedError);
    assert.equal(error.code, 'unavailable');
    assert.ok(error.message.includes(path));
    assert.match(error.hint ?? '', /start the container runtime/);
    return true;
  });
});
