import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { capturedConsole } from './captured-console.ts';
import { commands } from './commands.ts';
import { run } from './run.ts';

const fixtures = resolve(import.meta.dirname, '../../fixtures/archives');
// These samples carry one id, so that they count as one container.
const tasks = join(fixtures, 'crun-1.28-tasks.tar');
const sockets = join(fixtures, 'crun-1.28-sockets.tar');

async function diff(...line: string[]) {
  const console = capturedConsole();
  const status = await run(commands, ['diff', ...line], console);
  return { status, out: console.out.text, err: console.err.text };
}

test('diff: processes, memory and a summary', async () => {
  const { status, out, err } = await diff(tasks, sockets);
  assert.deepEqual([status, err], [0, '']);
  assert.match(out, /\n│ ↓ Decreased by 0\.15 MB\n/);
  assert.match(
    out,
    /\n│ - PID 2 \(Dead\) tasks\n│ - PID 3 \(Dead\) tasks\n│ - PID 4 \(Stopped\) stopped one\n/,
  );
  assert.match(out, /\n│ ~ PID 1 tasks -> PID 1 sockets\n/);
  assert.match(
    out,
    /\nSummary:\n {2}Checkpoint comparison for container \n {2}Processes: \+0 -4 ~1\n {2}Memory: -0\.15 MB\n$/,
  );
  assert.doesNotMatch(out, /Socket Changes/);
});

test('diff --files --sockets: what was opened and closed', async () => {
  const { out } = await diff('--files', '--sockets', tasks, sockets);
  assert.match(out, /\n│ \+ PID 1 \[INETSK 3\] INETSK\.4\n/);
  assert.match(out, /\n│ \+ PID 1 TCP LISTEN 127\.0\.0\.1:8080 0\.0\.0\.0:0\n/);
  assert.match(out, /\n {2}Sockets: \+19 -0\n/);
});

test('diff --format json: the members of checkpointctl, unchanged ones as well', async () => {
  const { out } = await diff('--format', 'json', '--files', '--ps-tree-cmd', tasks, tasks);
  const node = JSON.parse(out);
  assert.deepEqual(Object.keys(node.process_changes), ['unchanged']);
  assert.equal(node.process_changes.unchanged[0].pid, 1);
  assert.deepEqual(node.memory_changes, { size_change_bytes: 0, size_change_mb: 0 });
  assert.deepEqual(node.file_changes.unchanged[0], { path: '/dev/null', type: 'REG', pid: 1, fd: 'REG 0' });
  assert.equal(node.summary, 'Checkpoint comparison for container ');
});

test('diff --memory --mounts --rootfs: where each map differs, what is mounted otherwise', async () => {
  const { status, out } = await diff('--memory', '--mounts', '--rootfs', tasks, sockets);
  assert.equal(status, 0);
  assert.match(out, /\n│ PID +CHANGED +ADDED +REMOVED +SAME +RIGHTS +MAP\n/);
  assert.match(out, /\n│ 1 +1 +0 +0 +0 +r-xp +\/bin\/sockets\n│ +401000-402000\n/);
  assert.match(out, /\n│ 4 +0 +0 +2 +0 +rw-p +\[heap\]\n│ +[0-9a-f]+-[0-9a-f]+\n/);
  assert.match(out, /\n┌─ Mount Changes ─+┐\n│ ~ \/ unknown /);
  assert.match(out, /\n┌─ Root FS Changes ─+┐\n│ = No change\n/);
  assert.match(out, /\n {2}Pages: \+15 -53 ~1\n/);
  const same = await diff('--memory', tasks, tasks);
  assert.match(same.out, /\n│ = No change\n│ = No page differs\n/);
});

test('diff --memory --format json: counts and ranges of each map; compressed archives as well', async () => {
  const podman = join(fixtures, 'podman-5.8.6/crun.tar.zst');
  const line = ['--memory', '--mounts', '--rootfs', '--format', 'json'];
  const itself = JSON.parse((await diff(...line, podman, podman)).out);
  assert.deepEqual(
    { ...itself.memory_changes.pages, same: 0 },
    { same: 0, changed: 0, added: 0, removed: 0, unknown: 0 },
  );
  assert.ok(itself.memory_changes.pages.same > 20);
  assert.ok(itself.mount_changes.unchanged.length > 3);
  assert.ok(itself.rootfs_changes.unchanged.length > 0);
  const other = JSON.parse((await diff(...line, tasks, sockets)).out);
  const map = other.memory_changes.spaces[0].maps.find(
    (one: { name: string }) => one.name === '/bin/sockets',
  );
  assert.deepEqual(map.ranges, [{ start: '0x401000', end: '0x402000', change: 'changed' }]);
  assert.equal(map.pages.changed, 1);
});

test('diff: different containers, wrong number of arguments', async () => {
  const crio = join(fixtures, 'crio-1.37-runc.tar');
  const other = await diff(crio, join(fixtures, 'podman-5.8.6-crun-zstd.tar'));
  assert.deepEqual(other, {
    status: 1,
    out: '',
    err: `Error: checkpoints are from different containers:
  A: c1 (95e5fbcd180f438718c3fe86470f02a5d099cff6ed11a9ee5c9fd06c1d9cd4e4)
  B: pc (cd101a2cc3c9e871040737e3f0d3ba74411073691a06d6f8bde2c79a4c599c6f)
`,
  });
  assert.equal((await diff(crio)).err, 'Error: accepts 2 arg(s), received 1\n');
});
