import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { folderFor, runFor } from '../runtime.ts';

const bin = (name: string): string => resolve(import.meta.dirname, '../../bin', `${name}.cjs`);

// Node's own recursive mkdir never comes back from here.
const nowhere = '/proc/stasis/a/b';

for (const flag of ['--root-dir', '--runtime-root', '--runtime-state']) {
  test(`stasisd ${flag} where no directory can be made: one line, exit 1`, async (t) => {
    const folder = await folderFor(t);
    const places = { '--root-dir': 'kubelet', '--runtime-root': 'lib', '--runtime-state': 'run' };
    const args = Object.entries(places).flatMap(([name, at]) => [
      name,
      name === flag ? nowhere : join(folder, at),
    ]);
    const { status, stderr } = await runFor(t, process.execPath, [bin('stasisd'), ...args]);
    assert.match(stderr, /^stasisd: .*no such file or directory.*\/proc\/stasis.*$/m);
    assert.equal(stderr.match(/^stasisd:/gm)?.length, 1, stderr);
    assert.doesNotMatch(stderr, /^\s+at /m);
    assert.equal(status, 1);
  });
}

test('stasis below a directory that nobody can make ends with one line', async (t) => {
  for (const args of [
    ['state', 'list', '--root-dir', nowhere],
    ['checkpoint', 'pod', 'a/b', '--root-dir', nowhere],
  ]) {
    const { status, stderr } = await runFor(t, process.execPath, [bin('stasis'), ...args]);
    assert.match(stderr, /^Error: .*\/proc\/stasis\/a\/b/, args.join(' '));
    assert.notEqual(status, 0);
  }
});
