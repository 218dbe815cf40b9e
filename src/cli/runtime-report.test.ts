import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { containerdWithLoad } from '../../test/engines/loaded-containerd.ts';
import { folderFor, needsRuntime, project, runFor } from '../../test/runtime.ts';

const stasis = join(project, 'bin/stasis.cjs');

test(
  'runtime names the real containerd, its version, and that it can checkpoint',
  needsRuntime,
  async (t) => {
    const { containerd } = await containerdWithLoad(t);
    const flag = `--container-runtime-endpoint=unix://${containerd.socket}`;
    const shown = await runFor(t, process.execPath, [stasis, 'runtime', flag]);
    assert.equal(shown.status, 0, shown.stderr);
    assert.match(shown.stdout, /^Runtime: +containerd 2\.\d+\.\d+\S* \(CRI v1\)$/m);
    assert.match(shown.stdout, /^Checkpoints: +yes$/m);
    assert.match(shown.stdout, /^criu: +\d+\.\d+/m);
    const json = await runFor(t, process.execPath, [stasis, 'runtime', flag, '-o', 'json']);
    assert.equal(JSON.parse(json.stdout).canCheckpoint, true);
  },
);

test('runtime without criu says no, why and which package, with status 1', needsRuntime, async (t) => {
  const { containerd } = await containerdWithLoad(t, { withoutCriu: true });
  const flag = `--container-runtime-endpoint=unix://${containerd.socket}`;
  const { status, stdout } = await runFor(t, process.execPath, [stasis, 'runtime', flag]);
  assert.equal(status, 1);
  assert.match(stdout, /^Checkpoints: +no\nWhy: +.*CRIU.*\nWhat to do: +install criu 3\.16/m);
});

test('runtime where nobody answers names the socket and where it was found', async (t) => {
  const path = join(folderFor(t, 'none'), 'x.sock');
  const { status, stdout } = await runFor(t, process.execPath, [
    stasis,
    'runtime',
    `--container-runtime-endpoint=${path}`,
  ]);
  assert.equal(status, 1);
  assert.ok(
    stdout.includes(`Socket:       ${path} (--container-runtime-endpoint)\nCheckpoints:  no\n`),
    stdout,
  );
  const wrong = await runFor(t, process.execPath, [
    stasis,
    'runtime',
    '--container-runtime-endpoint=tcp://x:1',
  ]);
  assert.notEqual(wrong.status, 0);
  assert.match(wrong.stderr, /unix socket/);
});
