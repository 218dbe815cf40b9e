import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFixture } from '../../test/fixture-archives.ts';
import { diffReports } from './diff.ts';
import { type Report, readReport } from './report.ts';

async function reportOf(archive: string): Promise<Report> {
  const checkpoint = await openFixture(archive);
  try {
    const sections = ['files', 'mounts', 'rootfs', 'maps'] as const;
    return await readReport(checkpoint, { processes: true, args: true, environment: true, sections });
  } finally {
    await checkpoint.close();
  }
}

test('diffReports: a checkpoint does not differ from itself', async () => {
  const report = await reportOf('crun-1.28-files.tar');
  const { processes, files, sockets, environment, mounts, rootfs, memory, sameContainer } = diffReports(
    report,
    report,
  );
  assert.ok(sameContainer);
  assert.equal(memory.before, memory.after);
  for (const part of [processes, files, sockets, mounts, rootfs]) {
    assert.deepEqual([part.added, part.removed], [[], []]);
  }
  assert.deepEqual(environment, []);
  assert.equal(processes.unchanged.length, 3);
  assert.ok(files.unchanged.length > 20);
});

test('diffReports: processes, files, sockets and environment that differ', async () => {
  const diff = diffReports(await reportOf('crun-1.28-files.tar'), await reportOf('crun-1.28-sockets.tar'));
  assert.deepEqual(
    diff.processes.removed.map(({ pid }) => pid),
    [2, 3],
  );
  assert.deepEqual(
    diff.processes.modified.map(({ pid, what }) => [pid, what]),
    [[1, ['comm', 'args']]],
  );
  assert.ok(diff.files.removed.some(({ file }) => file.path === '/tmp/log'));
  assert.ok(diff.sockets.added.some(({ file }) => file.socket?.source?.port === 8081));
  assert.notEqual(diff.memory.before, diff.memory.after);
  assert.equal(diff.resident[0]?.pid, 1);
  const tasks = diffReports(await reportOf('crun-1.28-sockets.tar'), await reportOf('crun-1.28-tasks.tar'));
  assert.ok(
    tasks.environment.some(
      ({ name, before, after }) => name === 'PATH' && before === '/bin' && after === undefined,
    ),
  );
});
