import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { containerdWithLoad } from '../../test/engines/loaded-containerd.ts';
import { folderFor, needsRuntime, project, runFor } from '../../test/runtime.ts';
import { dockershim } from '../kubeletstate/dockershim.ts';

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

test(
  'runtime on a node of dockershim lists what it left, and says where to move',
  needsRuntime,
  async (t) => {
    const folder = '/var/lib/dockershim/sandbox';
    mkdirSync(folder, { recursive: true });
    t.after(() => rmSync('/var/lib/dockershim', { recursive: true }));
    const data = { PortMappings: null, HostNetwork: true };
    const state = { Version: 'v1', Name: 'web', Namespace: 'shop', Data: data, Checksum: 0n };
    writeFileSync(join(folder, 'a1'), dockershim.encode(state));
    const docker = createServer();
    mkdirSync('/var/run', { recursive: true });
    await new Promise<void>((done) => docker.listen('/var/run/dockershim.sock', done));
    t.after(() => docker.close());
    const { status, stdout, stderr } = await runFor(t, process.execPath, [stasis, 'runtime']);
    assert.equal(status, 1);
    assert.match(stdout, /^ {2}\/var\/lib\/dockershim\/sandbox\/a1: pod shop\/web, on the node's network$/m);
    assert.match(stderr, /dockershim \(1 sandboxes\), which has no checkpoints/);
    assert.match(stderr, /move it to containerd 2\.1 or newer, or to CRI-O/);
  },
);
