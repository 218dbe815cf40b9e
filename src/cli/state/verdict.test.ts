import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { containerdWithLoad } from '../../../test/engines/loaded-containerd.ts';
import { needsRuntime } from '../../../test/runtime.ts';
import { encodeAs } from '../../checkpointmanager/define.ts';
import { cpuManager } from '../../kubeletstate/cpu-manager.ts';
import { capturedConsole } from '../captured-console.ts';
import { commands } from '../commands.ts';
import { run } from '../run.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'state-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function stasis(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const console = capturedConsole({ now: new Date('2026-01-31T23:59:59Z') });
  const status = await run(commands, ['state', ...words], console);
  return { status, out: console.out.text, err: console.err.text };
}

async function put(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(root, name);
  await writeFile(path, content, { mode: 0o600 });
  return path;
}

/** A file of Kubernetes 1.17, with one container. */
const byId = (id: string): Uint8Array =>
  encodeAs(cpuManager.version('v1'), {
    PolicyName: 'static',
    DefaultCPUSet: '0-1',
    Entries: new Map([[id, '2-3']]),
    Checksum: 0n,
  });

describe('a file whose checksum nobody can recompute', () => {
  it('has no verdict, and puts no words into a kubelet’s mouth', async () => {
    const path = await put('Pod_u.yaml', '{"Pod":{"metadata":{"name":"a"}},"Checksum":1}');
    const table = await stasis('verify', path);
    assert.equal(table.status, 1);
    assert.match(table.out, / v1 +1 +- +unknown +unknown\n/);
    assert.doesNotMatch(table.out, /prints|will print|none/);
    const [report] = JSON.parse((await stasis('verify', path, '-o', 'json')).out);
    assert.equal(report.kubelet, 'unknown');
    assert.deepEqual(
      report.findings.map((each: { code: string }) => each.code),
      ['not-verifiable'],
    );
    assert.match((await stasis('list', path)).out, / not verifiable +-\n/);
    assert.match(
      (await stasis('preflight', '--from', '1.17', '--to', '1.18', root)).out,
      / unknown +unknown +nothing\n/,
    );
  });
});

describe('container ids in a CPU manager’s file of 1.17', () => {
  const verify = async (...words: string[]) => {
    const { status, out } = await stasis('verify', ...words, '-o', 'json');
    const [report] = JSON.parse(out);
    return { status, ...report, codes: report.findings.map((each: { code: string }) => each.code) };
  };

  it('are taken to be what --container says, by verify and preflight', async () => {
    const path = await put('cpu_manager_state', byId('0123abcd'));
    const known = await verify('--container', '0123abcd=uid-1/app', path);
    assert.deepEqual([known.status, known.kubelet, known.codes], [0, 'starts', []]);
    const words = ['--from', '1.17', '--to', '1.18', root];
    assert.equal((await stasis('preflight', '--container', '0123abcd=uid-1/app', ...words)).status, 0);
  });

  it('keep the kubelet from starting where the runtime does not know them', async () => {
    const path = await put('cpu_manager_state', byId('0123abcd'));
    const refused =
      'start cpu manager error: could not restore state from checkpoint: error migrating v1 checkpoint state to v2 ' +
      "checkpoint state: containerID '0123abcd' not found in initial containers list, please drain this node and " +
      `delete the CPU manager checkpoint file "${path}" before restarting Kubelet`;
    const gone = await verify('--container', 'ffff=uid-1/app', '--kubelet-version', '1.18', path);
    assert.deepEqual([gone.status, gone.kubelet, gone.codes], [1, refused, ['container-unknown']]);
    const newest = await verify('--container', 'ffff=uid-1/app', path);
    assert.match(newest.kubelet, /: failed to migrate checkpoint from v1 to v2: containerID/);
    const ahead = await stasis(
      'preflight',
      '--container',
      'ffff=uid-1/app',
      '--from',
      '1.17',
      '--to',
      '1.18',
      root,
    );
    assert.match(ahead.out, / accepted +refused +reset, on a drained node/);
    assert.ok(ahead.out.includes(refused));
  });

  it('are left alone where nobody was asked', async () => {
    const path = await put('cpu_manager_state', byId('0123abcd'));
    const unasked = await verify(path);
    assert.deepEqual([unasked.status, unasked.kubelet, unasked.codes], [0, 'starts', ['not-migratable']]);
  });

  it('are asked of containerd', needsRuntime, async (t) => {
    const ctd = await containerdWithLoad(t);
    const { id } = await ctd.run('one', 'crun', ['memory', '1']);
    const path = await put('cpu_manager_state', byId(id));
    const known = await verify('--runtime-endpoint', ctd.containerd.socket, path);
    assert.deepEqual([known.status, known.codes], [0, []]);
    await put('cpu_manager_state', byId('0123abcd'));
    const gone = await verify('--runtime-endpoint', ctd.containerd.socket, path);
    assert.deepEqual(gone.codes, ['container-unknown']);
  });
});

describe('a runtime and a kubelet that do not answer', () => {
  it('are said to be left out of the comparison, once to people, with each file to programs', async () => {
    await mkdir(join(root, 'pod-resources'));
    const server = createServer((connection) => connection.destroy());
    const mute = join(root, 'pod-resources/kubelet.sock');
    await new Promise<void>((done) => server.listen(mute, done));
    await put('config.yaml', `containerRuntimeEndpoint: unix://${mute}\n`);
    const state = { PolicyName: 'none', DefaultCPUSet: '', Checksum: 0n };
    const entries = new Map([['uid-1', new Map([['app', '0']])]]);
    await put('cpu_manager_state', encodeAs(cpuManager.version('v2'), { ...state, Entries: entries }));
    try {
      const { out } = await stasis('verify', '--root-dir', root);
      assert.match(
        out,
        /\nnote: pods were not compared with what the container runtime says: asking the container/,
      );
      assert.match(
        out,
        /\nnote: CPUs and devices of containers were not compared with what the kubelet says: asking/,
      );
      const [{ findings }] = JSON.parse((await stasis('verify', '--root-dir', root, '-o', 'json')).out);
      const notes = findings.filter((each: { code: string }) => each.code === 'not-compared');
      assert.deepEqual(
        notes.map((each: { severity: string }) => each.severity),
        ['info', 'info'],
      );
      assert.doesNotMatch((await stasis('verify', '--root-dir', root, '--offline')).out, /not compared/);
    } finally {
      await new Promise((done) => server.close(done));
    }
  });
});

describe('a value of no known form on the command line', () => {
  it('is said, and ends with status 2, which means that the command was called wrongly', async () => {
    const path = await put('cpu_manager_state', byId('0123abcd'));
    const wrong: [string[], string][] = [
      [['convert', '--to', '9.9', path], '"9.9" is not a Kubernetes version like 1.31'],
      [['preflight', '--from', 'x', '--to', '1.31', root], '"x" is not a Kubernetes version like 1.31'],
      [['verify', '--kubelet-version', '1.5', path], '"1.5" is not a Kubernetes version like 1.31'],
      [['list', '--kubelet-version', '1.5', path], '"1.5" is not a Kubernetes version like 1.31'],
      [
        ['convert', '--to', '1.18', '--container', 'a', path],
        '--container "a" is not of the form ID=POD-UID/NAME',
      ],
      [['repair', '--container', 'a\nb', path], '--container "a\nb" is not of the form ID=POD-UID/NAME'],
      [['verify', '--container', 'a', path], '--container "a" is not of the form ID=POD-UID/NAME'],
    ];
    for (const [words, message] of wrong) {
      const { status, out, err } = await stasis(...words);
      assert.deepEqual([status, out, err], [2, '', `Error: ${message}\n`], words.join(' '));
    }
  });

  it('ends with status 1 where it is a socket that nobody can ask', async () => {
    const path = await put('cpu_manager_state', byId('0123abcd'));
    for (const endpoint of ['tcp://a:1', join(root, 'nobody.sock')]) {
      const { status, err } = await stasis('convert', '--to', '1.18', '--runtime-endpoint', endpoint, path);
      assert.equal(status, 1, err);
    }
  });
});
