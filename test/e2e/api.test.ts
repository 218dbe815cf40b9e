import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { Operation, SearchEnd, SearchHit } from '../../src/api/stasis.ts';
import { makeRootfs } from '../engines/image.ts';
import { needsRuntime, until } from '../runtime.ts';
import { signal, TestNode } from './node.ts';

const image = mkdtempSync(join(tmpdir(), 'stasis-image-'));
before(async () => {
  if (!needsRuntime.skip) await makeRootfs(image, ['counter', 'load']);
});

/** Counts, and holds 64 MiB so that a checkpoint of it takes a while. */
const pod = (name: string, megabytes: number) => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: default}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: rootdir:${image}
    command: [/bin/load, memory, "${megabytes}"]
    env: [{name: SECRET_WORD, value: correct-horse-battery}]
`;

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What of unfinished work lies in a folder. */
const leftovers = (folder: string): string[] => readdirSync(folder).filter((name) => /^\.\d+$/.test(name));

test('our API: make, list, describe, pin, delete, inspect, search, download', needsRuntime, async (t) => {
  const node = new TestNode(t);
  node.manifest('one', pod('one', 4));
  await node.start();
  await node.running('one', 'main');
  const client = node.client();
  const target = { namespace: 'default', pod: 'one', container: 'main' };
  const made = await client.makeContainerCheckpoint(target, undefined, signal());
  assert.equal(statSync(made.archive).size, made.size);
  assert.ok((made.frozenMicroseconds ?? 0) > 0);
  const [listed] = (await client.checkpoints(signal())).items;
  assert.deepEqual(
    [listed?.name, listed?.kind, listed?.container, listed?.pinned],
    [made.name, 'container', 'main', false],
  );

  // Pinned, it is kept.
  const pinned = await client.pin(made.name, 'evidence', signal());
  assert.equal(pinned.pin?.reason, 'evidence');
  assert.equal(pinned.containers[0]?.engine, 'stasis');
  assert.ok((pinned.containers[0]?.pagesBytes ?? 0) > 4 << 20);
  assert.equal(statSync(`${made.archive}.keep`).mode & 0o777, 0o600);
  await assert.rejects(client.deleteCheckpoint(made.name, false, signal()), {
    code: 'failed-precondition',
    message: /is pinned by root@node since .*: evidence/,
  });
  await node.stop();
  await node.start();
  await assert.rejects(node.client().deleteCheckpoint(made.name, false, signal()), /pinned/);

  // Looked into.
  const again = node.client();
  const seen = await again.inspect(
    made.name,
    { environment: true, statistics: true, sections: 'maps' },
    signal(),
  );
  assert.equal(seen['container_name'], 'main');
  assert.match(JSON.stringify(seen), /correct-horse-battery/);
  await assert.rejects(again.inspect(made.name, { sections: 'nonsense' }, signal()), {
    code: 'invalid-argument',
    message: /unknown section "nonsense"/,
  });
  const search = { pattern: 'SECRET_WORD=correct-h.rse', as: 'regex' as const, limit: 1 };
  const found = await all(again.search(made.name, undefined, search, signal()));
  assert.equal((found[0] as SearchHit).text, 'SECRET_WORD=correct-horse');
  assert.equal((found.at(-1) as SearchEnd).hits, 1);
  const none = await all(again.search(made.name, undefined, { pattern: 'zebra-crossing-7' }, signal()));
  assert.deepEqual(none, [{ end: 'complete', hits: 0 }]);
  assert.doesNotMatch(node.log, /correct|zebra-crossing/);

  // Downloaded in two parts, and a part of another archive is not mixed in.
  const whole = readFileSync(made.archive);
  const first = await again.download(made.name, undefined, signal());
  const tag = first.headers['etag'] ?? '';
  assert.ok(Buffer.concat(await all(first.body)).equals(whole));
  const rest = await again.download(made.name, { offset: 1000, tag }, signal());
  assert.equal(rest.status, 206);
  assert.ok(Buffer.concat(await all(rest.body)).equals(whole.subarray(1000)));
  const other = await again.download(made.name, { offset: 1000, tag: '"other"' }, signal());
  assert.equal(other.status, 200);
  assert.equal(Buffer.concat(await all(other.body)).length, whole.length);

  await again.unpin(made.name, signal());
  await again.deleteCheckpoint(made.name, false, signal());
  assert.deepEqual(readdirSync(node.checkpoints), []);
  await assert.rejects(again.describeCheckpoint(made.name, signal()), { code: 'not-found' });

  // A whole pod; its containers are looked into by name.
  const whole2 = await again.checkpointPod('default', 'one', undefined, signal());
  const name = `${whole2.sandboxId}.tar`;
  assert.equal((await again.describeCheckpoint(name, signal())).containers[0]?.name, 'main');
  assert.equal((await again.inspect(name, { container: 'main' }, signal()))['container_name'], 'main');
  await again.pin(name, '', signal());
  await again.deleteCheckpoint(name, true, signal());
  assert.ok(!existsSync(whole2.archive));
  assert.deepEqual(
    readdirSync(node.checkpoints).filter((file) => file.endsWith('.keep')),
    [],
  );
});

test('asynchronous checkpoints: stages, digest, client gone, cancel', needsRuntime, async (t) => {
  const node = new TestNode(t);
  node.manifest('one', pod('one', 192));
  await node.start();
  await node.running('one', 'main');
  await until('it has its memory', () => node.output('one', 'main').length > 0);
  const client = node.client();
  const target = { namespace: 'default', pod: 'one', container: 'main' };
  const begun = await client.startCheckpoint(target, undefined, signal());
  assert.equal(begun.state, 'running');
  const states = await all(client.follow(begun.id, signal()));
  const stages = [...new Set(states.map(({ stage }) => stage))];
  // Who is slow misses some, but the order is theirs.
  const inOrder = ['waiting', 'freezing', 'dumping', 'archiving', 'digest', 'done'];
  assert.deepEqual(
    stages,
    inOrder.filter((one) => stages.some((stage) => stage === one)),
  );
  assert.ok(stages.includes('dumping') && stages.includes('archiving'), stages.join());
  const dumping = states.filter(({ stage }) => stage === 'dumping');
  assert.ok(
    dumping.some(({ estimated = 0 }) => estimated > 150 << 20),
    'an estimate of its memory',
  );
  const done = states.at(-1) as Operation;
  assert.equal(done.state, 'succeeded');
  assert.match(done.digest ?? '', /^sha256:[0-9a-f]{64}$/);
  assert.equal(statSync(done.result?.archive ?? '').size, done.result?.size);

  // It survives that its client goes.
  const leaving = new AbortController();
  const second = await client.startCheckpoint({ namespace: 'default', pod: 'one' }, undefined, signal());
  for await (const { stage } of client.follow(second.id, leaving.signal)) if (stage !== 'waiting') break;
  leaving.abort();
  const ended = await until('it ends', async () => {
    const found = await client.operation(second.id, signal());
    return found.state === 'running' ? undefined : found;
  });
  assert.equal(ended.state, 'succeeded', JSON.stringify(ended.error));

  // Cancelled at each stage, nothing is left and the container runs.
  const before = readdirSync(node.checkpoints).sort();
  for (const stage of ['freezing', 'dumping', 'archiving']) {
    const third = await client.startCheckpoint(target, undefined, signal());
    for await (const now of client.follow(third.id, signal())) if (now.stage === stage) break;
    const cancelled = await client.cancel(third.id, signal());
    if (cancelled.state === 'succeeded') continue;
    assert.equal(cancelled.state, 'cancelled', JSON.stringify(cancelled));
    assert.equal(cancelled.error?.code, 'cancelled');
    assert.deepEqual(readdirSync(node.checkpoints).sort(), before, stage);
    assert.deepEqual(readdirSync(join(node.folder, 'runtime/scratch')), [], stage);
    const lines = node.output('one', 'main').length;
    await until('it goes on', () => node.output('one', 'main').length > lines);
  }
  assert.deepEqual(leftovers(node.checkpoints), []);
  assert.equal((await client.cancel(begun.id, signal())).state, 'succeeded');
  await assert.rejects(client.operation(begun.id, signal()), { code: 'not-found' });
  await assert.rejects(client.startCheckpoint({ ...target, pod: 'none' }, undefined, signal()), {
    code: 'not-found',
  });

  // The metrics tell of all that.
  const metrics = await client.metrics(signal());
  assert.match(metrics, /^stasis_checkpoint_duration_seconds_count\{kind="container"\} \d+$/m);
  assert.match(metrics, /^stasis_checkpoint_frozen_seconds_count\{kind="pod"\} 1$/m);
  assert.match(metrics, /^stasis_checkpoint_failures_total\{kind="container",reason="cancelled"\} \d+$/m);
  assert.match(metrics, /^stasis_checkpoints_in_flight\{kind="container"\} 0$/m);
});

test(
  'limits: a second checkpoint is refused, requests are counted, disk stays free',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    const configuration = join(node.folder, 'config.yaml');
    writeFileSync(
      configuration,
      `apiVersion: stasis/v1\nkind: DaemonConfiguration\ncheckpoints: {whenBusy: conflict, ratePerUser: 5}\n`,
    );
    node.manifest('one', pod('one', 128));
    await node.start(['--config', configuration]);
    await node.running('one', 'main');
    await until('it has its memory', () => node.output('one', 'main').length > 0);
    const target = { namespace: 'default', pod: 'one', container: 'main' };
    const client = node.client();
    const first = await client.startCheckpoint(target, undefined, signal());
    await assert.rejects(client.makeContainerCheckpoint(target, undefined, signal()), {
      code: 'already-exists',
      message: 'container default/one/main is being checkpointed already',
    });
    await assert.rejects(
      client.checkpointContainer(target, undefined, signal()),
      /is being checkpointed already/,
    );
    await client.cancel(first.id, signal());
    for (let asked = 3; asked < 5; asked++) {
      await client.startCheckpoint({ ...target, pod: 'none' }, undefined, signal()).catch(() => undefined);
    }
    await assert.rejects(client.makeContainerCheckpoint(target, undefined, signal()), {
      code: 'busy',
      message: /too many checkpoints asked for lately/,
    });
    await node.stop();
    await node.start(['--checkpoint-free-space', '1Ei']);
    await assert.rejects(node.client().makeContainerCheckpoint(target, undefined, signal()), {
      code: 'resource-exhausted',
      message: /only \d+ MiB are free in .*, the checkpoint may take \d+ MiB, \d+ MiB must stay free/,
    });
    await assert.rejects(
      node.client().ready(signal()),
      /\[\+\]ping ok\n\[\+\]runtime ok\n\[-\]disk failed: only/,
    );
  },
);
