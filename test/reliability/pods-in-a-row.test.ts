/**
 * Pods checkpointed and restored one after the other, and what is left of them: nothing. A few in `make test`;
 * `make soak` asks for fifty.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { signal, TestNode } from '../e2e/node.ts';
import { makeRootfs } from '../engines/image.ts';
import { needsRuntime, until } from '../runtime.ts';

const rounds = Number(process.env['STASIS_POD_ROUNDS'] ?? 5);
const image = join(mkdtempSync(join(tmpdir(), 'stasis-image-')), 'rootfs');
before(async () => {
  if (!needsRuntime.skip) await makeRootfs(image, ['load']);
});

const pod = `
apiVersion: v1
kind: Pod
metadata: {name: base, namespace: default}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: server, image: 'rootdir:${image}', command: [/bin/load, server, "7000", "4"]}
  - {name: client, image: 'rootdir:${image}', command: [/bin/load, client, "7000", "4"]}
`;

/** What a node and its daemon hold; nothing of other nodes on the machine. */
interface Held {
  descriptors: number;
  threads: number;
  /** MiB. */
  resident: number;
  processes: number;
  mounts: number;
  cgroups: number;
  /** Below the node's folder, logs left out. */
  files: number;
}

function held(node: TestNode): Held {
  const status = readFileSync(`/proc/${node.pid}/status`, 'utf8');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  const sandboxes = readdirSync(join(node.folder, 'runtime/sandboxes'));
  return {
    descriptors: readdirSync(`/proc/${node.pid}/fd`).length,
    threads: field('Threads'),
    resident: Math.round(field('VmRSS') / 1024),
    processes: readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isOf(node, pid)).length,
    mounts: readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(node.folder)).length,
    cgroups: sandboxes.flatMap((id) => below(join('/sys/fs/cgroup/stasis', id))).length,
    files: below(node.folder).filter((path) => !/\/(pod-logs|logs)\//.test(path)).length,
  };
}

function isOf(node: TestNode, pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(node.folder);
  } catch {
    return false;
  }
}

/** Folders and files, mounted root file systems left out. */
function below(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name === 'rootfs' || !entry.isDirectory()) return [path];
    return [path, ...below(path)];
  });
}

test(`${rounds} pods checkpointed and restored in a row leave nothing behind`, needsRuntime, async (t) => {
  const node = new TestNode(t);
  node.manifest('base', pod);
  await node.start();
  const client = node.client();
  const goesOn = async (name: string) => {
    const { length } = node.output(name, 'client');
    await until(`${name} goes on`, () => node.output(name, 'client').length > length);
    const complaint = node.output(name, 'client').find((line) => line.startsWith('failed'));
    assert.equal(complaint, undefined);
  };
  await node.running('base', 'client');
  await goesOn('base');
  const frozen: number[] = [];
  const round = async (name: string) => {
    const made = await client.checkpointPod('default', 'base', 0, signal());
    frozen.push(made.frozenMicroseconds ?? Number.NaN);
    const { pod: restored } = await client.restore({ archive: made.archive, name }, signal());
    await node.running(name, 'client');
    await goesOn(name);
    await client.deletePod('default', name, signal());
    await until(`${name} is gone`, async () => (await node.pod(name)) === undefined);
    assert.equal(existsSync(join('/sys/fs/cgroup/stasis', restored.sandboxId)), false);
    for (const item of (await client.checkpoints(signal())).items) {
      await client.deleteCheckpoint(item.name, false, signal());
    }
    await goesOn('base');
  };
  const print = (done: number, now: Held) => {
    const figures = Object.entries(now).map(([key, value]) => `${key} ${value}`);
    t.diagnostic(`${done} done: ${figures.join(', ')}`);
  };
  // What is made once and kept comes before what is compared.
  await round('warm');
  const start = held(node);
  print(0, start);
  for (let done = 1; done <= rounds; done++) {
    await round(`pod-${done}`);
    if (done % 10 === 0 || done === rounds) print(done, held(node));
  }
  const end = held(node);
  for (const key of ['processes', 'mounts', 'cgroups', 'files'] as const) {
    assert.equal(end[key], start[key], `${key}: ${start[key]} before, ${end[key]} after`);
  }
  assert.ok(
    end.descriptors <= start.descriptors + 4,
    `descriptors: ${start.descriptors}, ${end.descriptors}`,
  );
  assert.ok(end.threads <= start.threads + 4, `threads: ${start.threads}, ${end.threads}`);
  // A heap grows to its size; a leak of one archive's content for each round would be far above this.
  assert.ok(end.resident <= start.resident + 100, `memory: ${start.resident} MiB, ${end.resident} MiB`);
  const sorted = frozen.toSorted((a, b) => a - b);
  t.diagnostic(
    `frozen: median ${Math.round((sorted[sorted.length >> 1] ?? 0) / 1000)} ms, longest ${Math.round((sorted.at(-1) ?? 0) / 1000)} ms`,
  );
});
