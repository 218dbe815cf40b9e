import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { containerdWithLoad } from '../../../test/engines/loaded-containerd.ts';
import { needsRuntime } from '../../../test/runtime.ts';
import { encodeAs } from '../../checkpointmanager/define.ts';
import { cpuManager } from '../../kubeletstate/cpu-manager.ts';
import { FileStore } from '../../localfs/file-store.ts';
import { capturedConsole } from '../captured-console.ts';
import { commands } from '../commands.ts';
import { run } from '../run.ts';

const fixtures = join(import.meta.dirname, '../../../fixtures/kubelet-state');
const now = new Date('2026-01-31T23:59:59Z');

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'state-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function stasis(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const console = capturedConsole({ now });
  const status = await run(commands, ['state', ...words], console);
  return { status, out: console.out.text, err: console.err.text };
}

async function put(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(root, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, content, { mode: 0o600 });
  return path;
}

const static2 = (shared: string, entries: [string, [string, string][]][]): Uint8Array =>
  encodeAs(cpuManager.version('v2'), {
    PolicyName: 'static',
    DefaultCPUSet: shared,
    Entries: new Map(entries.map(([pod, containers]) => [pod, new Map(containers)])),
    Checksum: 0n,
  });

describe('state verify', () => {
  it('finds nothing in the files of a real kubelet, and prints what is promised', async () => {
    await cp(join(fixtures, '1.36.2'), root, { recursive: true });
    const { status, out } = await stasis('verify', root, '-o', 'json');
    const reports = JSON.parse(out);
    assert.equal(status, 0);
    assert.equal(reports.length, 6);
    assert.deepEqual(Object.keys(reports[0]), [
      'path',
      'kind',
      'version',
      'stored',
      'computed',
      'valid',
      'acceptedBy',
      'kubelet',
      'findings',
    ]);
    for (const report of reports) assert.equal(report.kubelet, 'starts');
    assert.equal(reports[0].stored, 1353318690);
  });

  it('prints the kubelet’s error for a file that it will not start with', async () => {
    const path = await put('cpu_manager_state', '{"policyName":"static","defaultCpuSet":"0-3","checksum":7}');
    const { status, out } = await stasis('verify', root, '-o', 'json');
    const [report] = JSON.parse(out);
    assert.equal(status, 1);
    assert.equal(report.valid, false);
    assert.deepEqual(report.acceptedBy, []);
    assert.equal(
      report.kubelet,
      'start cpu manager error: could not restore state from checkpoint: checkpoint is corrupted, please drain this ' +
        `node and delete the CPU manager checkpoint file "${path}" before restarting Kubelet`,
    );
    assert.equal(report.findings[0].code, 'checksum');
  });

  it('ends with 2 for what cannot be read, and says why', async () => {
    await put('memory_manager_state', '');
    const { status, out } = await stasis('verify', root);
    assert.equal(status, 2);
    assert.match(out, /unexpected end of JSON input/);
    const other = await put('notes.txt', 'hello');
    assert.equal((await stasis('verify', other)).status, 2);
    const missing = await stasis('verify', join(root, 'missing'));
    assert.deepEqual([missing.status, missing.out], [2, '']);
    assert.match(missing.err, /stat .*missing: no such file or directory/);
  });

  it('compares with the configuration', async () => {
    await put('cpu_manager_state', static2('0-3', [['pod', [['app', '3-4']]]]));
    const config = await put('config.yaml', 'cpuManagerPolicy: none\nreservedSystemCPUs: 0-1,9\n');
    const { status, out } = await stasis('verify', root, '--kubelet-config', config, '-o', 'json');
    const [{ findings }] = JSON.parse(out);
    assert.equal(status, 1);
    assert.deepEqual(
      findings.map((each: { code: string }) => each.code),
      ['policy-differs', 'reserved-missing', 'cpus-overlap-default'],
    );
    assert.equal(
      findings[2].message,
      'pod: pod, container: app cpuset: "3-4" overlaps with default cpuset "0-3"',
    );
  });
});

describe('state repair', () => {
  it('only prints at first, then recomputes the checksum and keeps the old file', async () => {
    const bad = '{"policyName":"static","defaultCpuSet":"0-3","checksum":7}';
    const path = await put('cpu_manager_state', bad);
    const dry = await stasis('repair', path);
    assert.match(dry.out, /would: recompute the checksum/);
    assert.equal(await readFile(path, 'utf8'), bad);
    assert.equal((await stasis('repair', path, '--dry-run=false', '--root-dir', root)).status, 0);
    assert.equal((await stasis('verify', path)).status, 0);
    assert.equal(await readFile(`${path}.corrupt-20260131T235959Z`, 'utf8'), bad);
  });

  it('takes a damaged file for what every kubelet reads, not for what needs a feature gate', async () => {
    const good = new TextDecoder().decode(static2('0-1', [['pod', [['app', '2']]]]));
    const path = await put('cpu_manager_state', good.replace('"2"', '"3"'));
    const [report] = JSON.parse((await stasis('verify', path, '-o', 'json')).out);
    assert.deepEqual([report.version, report.valid], ['v2', false]);
    assert.equal((await stasis('repair', path, '--write', '--root-dir', root)).status, 0);
    const [repaired] = JSON.parse((await stasis('verify', path, '-o', 'json')).out);
    assert.equal(repaired.acceptedBy[0], '1.18');
  });

  it('restores the last good generation before it blesses altered content', async () => {
    const store = await FileStore.open(root, { history: 3 });
    await store.write('cpu_manager_state', static2('0-3', []));
    await store.write('cpu_manager_state', static2('0-5', []));
    await store.write('cpu_manager_state', new TextEncoder().encode('{"policyName":"st'));
    const { status, out } = await stasis('repair', root, '--write', '--root-dir', root);
    assert.equal(status, 0);
    assert.match(out, /restore generation 2/);
    assert.match(await readFile(join(root, 'cpu_manager_state'), 'utf8'), /"0-5"/);
  });

  it('drops pods that are gone and gives back what they had', async () => {
    await mkdir(join(root, 'pods/alive'), { recursive: true });
    await put(
      'cpu_manager_state',
      static2('0-1', [
        ['alive', [['a', '2']]],
        ['gone', [['b', '3-4']]],
      ]),
    );
    const arguments_ = ['--only', 'gone-pods', '--on-node', '--root-dir', root, root];
    const { out } = await stasis('repair', '--write', ...arguments_);
    assert.match(out, /entries\.gone: .* -> \(absent\)/);
    const file = await readFile(join(root, 'cpu_manager_state'), 'utf8');
    assert.match(file, /"defaultCpuSet":"0-1,3-4","entries":\{"alive":\{"a":"2"\}\}/);
  });
});

describe('state convert and preflight', () => {
  it('say what an upgrade over 1.32 and 1.33 needs, and do it', async () => {
    await cp(join(fixtures, '1.31'), root, { recursive: true });
    const before = await stasis('preflight', '--from', '1.31', '--to', '1.32', root, '-o', 'json');
    const refused = JSON.parse(before.out).filter((each: { next: string }) => each.next === 'refused');
    assert.equal(before.status, 1);
    assert.deepEqual(
      refused.map((each: { kind: string; starts: boolean }) => [each.kind, each.starts]),
      [['pod-status', false]],
    );
    assert.match(
      refused[0].message,
      /^panic: could not restore state from checkpoint: checkpoint is corrupted/,
    );
    const newer = join(root, 'allocated_pods_state');
    await writeFile(newer, 'of a newer kubelet');
    const kept = await stasis('convert', '--to', '1.33', '--write', '--root-dir', root, root);
    assert.match(kept.out, /allocated_pods_state is there already: move away the one that is out of date/);
    assert.equal(await readFile(newer, 'utf8'), 'of a newer kubelet');
    await rm(newer);
    const done = await stasis('convert', '--to', '1.33', '--write', '--root-dir', root, root);
    assert.match(
      done.out,
      /pod_status_manager_state: 1.27 -> 1.33\n {2}becomes .*allocated_pods_state\n {2}lost: .*limits/,
    );
    const after = await stasis('verify', '--kubelet-version', '1.33', root, '-o', 'json');
    assert.ok(JSON.parse(after.out).every((each: { kubelet: string }) => each.kubelet === 'starts'));
    assert.ok((await readdir(root)).includes('pod_status_manager_state.converted-20260131T235959Z'));
  });

  it('convert every fixture to every version that has the file, so that its kubelet accepts it', async () => {
    const since: Record<string, number> = {
      'memory-manager': 21,
      'dra-manager': 27,
      'dockershim-sandbox': 99,
    };
    let converted = 0;
    for (const minor of ['1.20', '1.27', '1.28', '1.30', '1.31', '1.33', '1.35']) {
      const directory = join(root, minor);
      await cp(join(fixtures, minor), directory, { recursive: true });
      for (const to of ['1.19', '1.20', '1.27', '1.29', '1.31', '1.34', '1.36']) {
        for (const name of await readdir(directory)) {
          const { status, out } = await stasis('convert', '--to', to, '--stdout', join(directory, name));
          if (status !== 0) continue;
          const kind = JSON.parse((await stasis('list', join(directory, name), '-o', 'json')).out)[0].kind;
          if (kind.startsWith('pod-')) continue;
          const path = await put(`out/${name}`, out);
          const [report] = JSON.parse((await stasis('verify', path, '-o', 'json')).out);
          // Converting for a version that does not have the file leaves it as it is.
          if (Number(to.slice(2)) < (since[kind] ?? 0)) continue;
          assert.ok(report.acceptedBy.includes(to), `${minor}/${name} to ${to}: ${report.acceptedBy}`);
          converted++;
        }
      }
    }
    assert.ok(converted > 60, `${converted}`);
  });
});

describe('state convert between files that name containers by id and by name', () => {
  const older = (entries: [string, string][]) =>
    encodeAs(cpuManager.version('v1'), {
      PolicyName: 'static',
      DefaultCPUSet: '0-1',
      Entries: new Map(entries),
      Checksum: 0n,
    });

  it('takes --container for who they are, in both directions', async () => {
    const path = await put('cpu_manager_state', older([['0123abcd', '2-3']]));
    const who = ['--offline', '--container', '0123abcd=uid-1/app', '--stdout'];
    const up = await stasis('convert', '--to', '1.30', ...who, path);
    assert.deepEqual([up.status, up.err], [0, '']);
    assert.equal(up.out, new TextDecoder().decode(static2('0-1', [['uid-1', [['app', '2-3']]]])));
    const newer = await put('new/cpu_manager_state', up.out);
    const down = await stasis('convert', '--to', '1.17', ...who, newer);
    assert.deepEqual(down, { status: 0, out: await readFile(path, 'utf8'), err: '' });
    const wrong = await stasis('convert', '--to', '1.17', '--container', 'uid-1/app', newer);
    assert.match(wrong.err, /--container "uid-1\/app" is not of the form ID=POD-UID\/NAME/);
  });

  it('says that nothing is known of them, and what is lost', async () => {
    const path = await put('cpu_manager_state', older([['0123abcd', '2-3']]));
    const up = await stasis('convert', '--to', '1.30', '--offline', path);
    assert.equal(up.status, 1);
    assert.match(up.err, /^with --offline no container runtime is asked, .* --container ID=POD-UID\/NAME\n$/);
    assert.match(up.out, /containerID '0123abcd' not found/);
    const newer = await put('new/cpu_manager_state', static2('0-1', [['uid-1', [['app', '2-3']]]]));
    const down = await stasis('convert', '--to', '1.17', '--offline', newer);
    assert.match(down.out, /lost: uid-1\/app: CPUs 2-3 \(its container id is not known\)/);
  });

  it('asks containerd who they are', needsRuntime, async (t) => {
    const ctd = await containerdWithLoad(t);
    const { id } = await ctd.run('web', 'crun', ['memory', '1']);
    const path = await put('cpu_manager_state', older([[id, '2-3']]));
    await put('config.yaml', `containerRuntimeEndpoint: unix://${ctd.containerd.socket}\n`);
    const told = ['--root-dir', root, '--stdout'];
    const up = await stasis('convert', '--to', '1.30', ...told, path);
    assert.equal(up.out, new TextDecoder().decode(static2('0-1', [['uid-web', [['c', '2-3']]]])));
    const newer = await put('new/cpu_manager_state', up.out);
    const endpoint = ['--runtime-endpoint', ctd.containerd.socket, '--stdout'];
    const down = await stasis('convert', '--to', '1.17', ...endpoint, newer);
    assert.equal(down.out, await readFile(path, 'utf8'));
  });
});

describe('state reset', () => {
  it('sets aside what a changed policy has made void, and nothing else', async () => {
    await put('cpu_manager_state', static2('0-3', []));
    await cp(join(fixtures, '1.36.2/memory_manager_state'), join(root, 'memory_manager_state'));
    const config = await put('config.yaml', 'cpuManagerPolicy: none\n');
    const { out } = await stasis('reset', '--write', '--root-dir', root, '--kubelet-config', config);
    assert.match(out, /cpu_manager_state: set aside: configured policy "none" differs/);
    const names = (await readdir(root)).filter((name) => !name.startsWith('.')).sort();
    assert.deepEqual(names, [
      'config.yaml',
      'cpu_manager_state.reset-20260131T235959Z',
      'memory_manager_state',
    ]);
  });

  it('after a reboot takes old files once, and spares what was written since', async () => {
    const path = await put('cpu_manager_state', static2('0-3', []));
    const { utimes } = await import('node:fs/promises');
    await utimes(path, 1, 1);
    const config = await put('config.yaml', 'cpuManagerPolicy: static\n');
    const words = ['reset', '--after-reboot', '--write', '--root-dir', root, '--kubelet-config', config];
    assert.match((await stasis(...words)).out, /before the machine was booted/);
    await put('cpu_manager_state', static2('0-3', []));
    await utimes(path, 1, 1);
    assert.equal((await stasis(...words)).out, 'Nothing has to be reset.\n');
  });
});

describe('state diff and show', () => {
  it('name the member that differs', async () => {
    const one = await put('cpu_manager_state', static2('0-3', [['pod', [['app', '4']]]]));
    const other = await put('other/cpu_manager_state', static2('0-3', [['pod', [['app', '5']]]]));
    const { status, out } = await stasis('diff', one, other);
    assert.equal(out, 'entries.pod.app: "4" -> "5"\n');
    assert.equal(status, 1);
    assert.equal((await stasis('diff', one, one)).status, 0);
    const shown = JSON.parse((await stasis('show', one, '-o', 'json')).out);
    assert.deepEqual(shown[0].content, {
      policyName: 'static',
      defaultCpuSet: '0-3',
      entries: { pod: { app: '4' } },
    });
  });
});
