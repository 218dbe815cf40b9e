import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { TestNode } from '../../../test/checkpoint-node.ts';
import { needsRuntime, runFor, until } from '../../../test/runtime.ts';
import { processesNamed } from '../../../test/victims.ts';
import { cgroupOf, isFrozen } from './freezer.ts';

/** Nothing half done is left: no archive, no temporary file, no scratch folder. */
function nothingLeft(node: TestNode, folder: string): void {
  assert.deepEqual(readdirSync(folder), []);
  const scratch = join(node.folder, 'lib/scratch');
  assert.deepEqual(existsSync(scratch) ? readdirSync(scratch) : [], []);
}

async function stillThawed(node: TestNode, id: string): Promise<void> {
  const { process } = await node.open.runtime.container(id);
  assert.ok(process, 'the container runs');
  assert.equal(await isFrozen(await cgroupOf(process.pid)), false);
}

function outFolder(node: TestNode): string {
  const folder = join(node.folder, 'out');
  mkdirSync(folder);
  return folder;
}

function failsWith(code: Code, message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof ConnectError, String(error));
    assert.match(error.rawMessage, message);
    assert.equal(Code[error.code], Code[code], error.rawMessage);
    return true;
  };
}

const impossible: readonly [what: string, reason: RegExp][] = [
  ['vsock', /has a vsock socket .*dump\.log: .*family 40.*close it/],
  ['bpf', /is a bpf-map, which CRIU cannot save .*dump\.log/],
  ['deleted', /deleted file \/tmp\/deleted is still open .*ghost-limit/],
];

for (const [what, reason] of impossible) {
  test(
    `checkpointContainer says why CRIU cannot (${what}); the container goes on`,
    needsRuntime,
    async (t) => {
      const node = await TestNode.start(t);
      const pod = await node.pod();
      const security = { capabilities: { addCapabilities: ['SYS_ADMIN', 'BPF', 'PERFMON'] } };
      const id = await node.run(pod, 'odd', { args: [what], linux: { securityContext: security } });
      await until('ready', () => node.output(pod, 'odd').includes('ready'));
      const folder = outFolder(node);
      await assert.rejects(
        node.checkpoint(id, join(folder, 'x.tar')),
        failsWith(Code.FailedPrecondition, reason),
      );
      nothingLeft(node, folder);
      await stillThawed(node, id);
    },
  );
}

test('checkpointContainer refuses what is not there or not running, by name', needsRuntime, async (t) => {
  const node = await TestNode.start(t);
  const pod = await node.pod();
  const id = await node.run(pod, 'short', { args: ['/bin/true'] });
  await until(
    'its end',
    async () => (await node.cri.containerStatus({ containerId: id })).status?.state === 2,
  );
  const folder = outFolder(node);
  const location = join(folder, 'x.tar');
  await assert.rejects(
    node.checkpoint(id, location),
    failsWith(Code.FailedPrecondition, /short .*not running, it is exited/),
  );
  await assert.rejects(node.checkpoint('f'.repeat(64), location), failsWith(Code.NotFound, /ffff/));
  await assert.rejects(node.checkpoint(id, 'relative.tar'), failsWith(Code.InvalidArgument, /absolute/));
  const running = await node.run(pod, 'long', { args: ['/bin/sleep', '1000'] });
  await assert.rejects(node.checkpoint(running, location, -1n), failsWith(Code.InvalidArgument, /negative/));
  await assert.rejects(
    node.checkpoint(running, join(node.folder, 'no/such/x.tar')),
    failsWith(Code.NotFound, /the folder .*no\/such of the checkpoint does not exist/),
  );
  nothingLeft(node, folder);
});

test('checkpointContainer leaves nothing where the disk is full', needsRuntime, async (t) => {
  const node = await TestNode.start(t);
  const pod = await node.pod();
  const id = await node.run(pod, 'memory', { args: ['memory', '16'] });
  await node.grows(pod, 'memory');
  const folder = outFolder(node);
  const mounted = await runFor(t, 'mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
  assert.equal(mounted.status, 0, mounted.stderr);
  t.after(() => runFor(t, 'umount', [folder]));
  await assert.rejects(
    node.checkpoint(id, join(folder, 'x.tar')),
    failsWith(Code.ResourceExhausted, /no space left/),
  );
  nothingLeft(node, folder);
  await stillThawed(node, id);
  await node.grows(pod, 'memory');
  assert.equal((await runFor(t, 'umount', [folder])).status, 0);
});

test(
  'checkpointContainer at its deadline: thawed, connections whole, nothing left',
  needsRuntime,
  async (t) => {
    const node = await TestNode.start(t);
    const pod = await node.pod();
    const id = await node.run(pod, 'both', { args: ['both', '7000', '256'] });
    await node.grows(pod, 'both');
    const folder = outFolder(node);
    // As a caller would hang up, in the middle of the pages: at several moments.
    for (const wait of [0, 5, 10, 15, 20, 40, 80, 160]) {
      const abort = new AbortController();
      const scratch = join(node.folder, 'lib/scratch');
      const call = node.cri.checkpointContainer(
        { containerId: id, location: join(folder, 'x.tar') },
        { signal: abort.signal },
      );
      call.catch(() => {});
      await until('the dump', () =>
        readdirSync(scratch).some((name) => existsSync(join(scratch, name, '0/images/files.img'))),
      );
      await sleep(wait);
      abort.abort();
      // A quick machine may be done by then; at first none is.
      const done = await call.then(
        () => true,
        () => false,
      );
      assert.ok(!done || wait > 20, `it was done ${wait} ms after its beginning`);
      if (!done) await assert.rejects(call, failsWith(Code.Canceled, /./));
      rmSync(join(folder, 'x.tar'), { force: true });
      await until('an end', async () => readdirSync(scratch).length === 0);
      await stillThawed(node, id);
      await node.grows(pod, 'both', 3);
    }
    nothingLeft(node, folder);
  },
);

for (const program of ['criu', 'crun'] as const) {
  test(`checkpointContainer survives kill -9 of ${program} in the middle`, needsRuntime, async (t) => {
    const node = await TestNode.start(t);
    const pod = await node.pod();
    const id = await node.run(pod, 'memory', { args: ['memory', '700'] });
    await node.grows(pod, 'memory');
    const folder = outFolder(node);
    const call = node.checkpoint(id, join(folder, 'x.tar'));
    call.catch(() => {});
    const scratch = join(node.folder, 'lib/scratch');
    await until('the pages', () =>
      readdirSync(scratch).some((name) => existsSync(join(scratch, name, '0/images/pages-1.img'))),
    );
    const victims = processesNamed(program);
    assert.notEqual(victims.length, 0);
    for (const pid of victims) process.kill(pid, 'SIGKILL');
    await assert.rejects(call, failsWith(Code.Internal, /Failed to checkpoint container memory/));
    await stillThawed(node, id);
    await node.grows(pod, 'memory', 3);
    nothingLeft(node, folder);
  });
}

test(
  'createFromArchive refuses archives that are missing, empty, cut off or altered',
  needsRuntime,
  async (t) => {
    const node = await TestNode.start(t);
    const pod = await node.pod();
    const id = await node.run(pod, 'memory', { args: ['memory', '4'] });
    await node.grows(pod, 'memory');
    const good = join(node.folder, 'good.tar');
    await node.checkpoint(id, good);
    const second = await node.pod('second');
    const bad = join(node.folder, 'bad.tar');
    const restore = () => node.run(second, 'memory', { archive: bad });
    await assert.rejects(restore(), failsWith(Code.NotFound, /bad\.tar/));
    writeFileSync(bad, '');
    await assert.rejects(restore(), failsWith(Code.DataLoss, /bad\.tar/));
    copyFileSync(good, bad);
    const bytes = readFileSync(good);
    truncateSync(bad, bytes.length - 100_000);
    await assert.rejects(restore(), failsWith(Code.DataLoss, /./));
    const at = bytes.indexOf('pages-1.img') + 512 + 1000;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(bad, bytes);
    await assert.rejects(
      restore(),
      failsWith(Code.DataLoss, /is not what was captured: "checkpoint\/pages-1\.img": its SHA-256/),
    );
    const left = await node.cri.listContainers({ filter: { podSandboxId: second.id } });
    assert.deepEqual(left.containers, []);
    nothingLeft(node, outFolder(node));
  },
);

test('createFromArchive without digests finds pages that are cut off', needsRuntime, async (t) => {
  const node = await TestNode.start(t);
  const pod = await node.pod();
  const id = await node.run(pod, 'memory', { args: ['memory', '4'] });
  await node.grows(pod, 'memory');
  const good = join(node.folder, 'good.tar');
  await node.checkpoint(id, good);
  const folder = outFolder(node);
  assert.equal((await runFor(t, 'tar', ['-C', folder, '-xf', good])).status, 0);
  truncateSync(join(folder, 'checkpoint/pages-1.img'), 8192);
  const bad = join(node.folder, 'bad.tar');
  const names = readdirSync(folder).filter((name) => name !== 'stasis.json');
  assert.equal((await runFor(t, 'tar', ['-C', folder, '-cf', bad, ...names])).status, 0);
  const second = await node.pod('second');
  await assert.rejects(
    node.run(second, 'memory', { archive: bad }),
    failsWith(Code.DataLoss, /pages-1\.img has 8192 bytes, which is not what/),
  );
});

test(
  'a runtime that is killed in the middle of a checkpoint is cleaned up after',
  needsRuntime,
  async (t) => {
    const folder = join('/tmp', `stasis-killed-${process.pid}`);
    mkdirSync(folder);
    const script = join(import.meta.dirname, '../../../test/checkpoint-killed.ts');
    const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = new Promise((resolve) => child.once('exit', resolve));
    const scratch = join(folder, 'lib/scratch');
    await until('the pages', () =>
      readdirSync(scratch).some((name) => existsSync(join(scratch, name, '0/images/pages-1.img'))),
    );
    child.kill('SIGKILL');
    await exit;
    const node = await TestNode.start(t, { folder, state: join('/run', `st-killed-${child.pid}`) });
    assert.deepEqual(readdirSync(scratch), []);
    const [container] = (await node.cri.listContainers({})).containers;
    assert.ok(container);
    await stillThawed(node, container.id);
    const pod = { config: { logDirectory: join(folder, 'logs/pod') } };
    await node.grows(pod, 'memory', 3);
  },
);
