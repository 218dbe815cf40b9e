import assert from 'node:assert/strict';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { folderFor } from '../../../test/runtime.ts';
import { keepGeneration } from '../../localfs/generations.ts';
import { capturedConsole } from '../captured-console.ts';
import { commands } from '../commands.ts';
import { run } from '../run.ts';

async function stasis(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const console = capturedConsole({ now: new Date('2026-01-31T23:59:59Z') });
  const status = await run(commands, ['state', ...words], console);
  return { status, out: console.out.text, err: console.err.text };
}

interface Report {
  kubelet: string;
  findings: { code: string; message: string }[];
}

async function verified(path: string): Promise<Report & { status: number }> {
  const { status, out } = await stasis('verify', '-o', 'json', path);
  const [report] = JSON.parse(out) as Report[];
  assert.ok(report);
  return { status, ...report };
}

/** A folder with one file whose content is cut off. */
function broken(t: TestContext): { root: string; path: string } {
  const root = folderFor(t, 'root');
  const path = join(root, 'cpu_manager_state');
  writeFileSync(path, '{"policyName":"st', { mode: 0o600 });
  return { root, path };
}

test('verify finds a folder that stands where a file should be, as the kubelet will', async (t) => {
  const root = folderFor(t, 'root');
  mkdirSync(join(root, 'dra_manager_state'));
  for (const path of [root, join(root, 'dra_manager_state')]) {
    const { status, kubelet } = await verified(path);
    assert.equal(status, 2);
    assert.match(kubelet, /^failed to get checkpoint dra_manager_state: read \/.*: is a directory$/);
  }
});

test('verify says that the kubelet starts with a link to nothing', async (t) => {
  const root = folderFor(t, 'root');
  symlinkSync('/nowhere', join(root, 'cpu_manager_state'));
  const { status, kubelet, findings } = await verified(root);
  assert.deepEqual([status, kubelet, findings[0]?.code], [2, 'starts', 'link-to-nothing']);
});

test('verify does not take its own limit for a word of the kubelet', async (t) => {
  const root = folderFor(t, 'root');
  writeFileSync(join(root, 'allocated_pods_state'), '');
  truncateSync(join(root, 'allocated_pods_state'), 300 << 20);
  const { status, kubelet } = await verified(root);
  assert.deepEqual([status, kubelet], [2, 'unknown']);
  const { out } = await stasis('convert', '--to', '1.35', root);
  assert.match(out, /allocated_pods_state: reading .* bytes are more than/);
});

test('verify and list say that there is nothing where there is nothing', async (t) => {
  const root = folderFor(t, 'root');
  for (const command of ['verify', 'list'])
    assert.match((await stasis(command, root)).err, /^no state files in \//);
  assert.equal((await stasis('repair', root)).out, 'There is nothing that a repair would change.\n');
  assert.equal((await stasis('convert', '--to', '1.35', root)).out, 'There is nothing to convert.\n');
});

test('reset sets aside what can neither be decoded nor restored, and diff says what is wrong with it', async (t) => {
  const { root, path } = broken(t);
  const told = await stasis('repair', path);
  assert.match(told.out, /cannot be decoded \(unexpected end of JSON input\) .* stasis state reset\n/);
  const { status, err } = await stasis('diff', join(root, 'missing'));
  assert.deepEqual([status, /no such file/.test(err)], [2, true]);
  assert.equal((await stasis('reset', '--write', '--root-dir', root, root)).status, 0);
  assert.deepEqual(
    readdirSync(root).filter((name) => !name.startsWith('.')),
    ['cpu_manager_state.reset-20260131T235959Z'],
  );
});

test('reset leaves to repair what has a good generation', async (t) => {
  const { root, path } = broken(t);
  const good = '{"policyName":"none","defaultCpuSet":"","checksum":1353318690}';
  writeFileSync(path, good);
  keepGeneration(root, 'cpu_manager_state', 3);
  writeFileSync(`${path}.new`, '{');
  renameSync(`${path}.new`, path);
  assert.equal((await stasis('reset', root)).out, 'Nothing has to be reset.\n');
  assert.equal((await stasis('repair', '--write', '--root-dir', root, root)).status, 0);
  assert.equal(readFileSync(path, 'utf8'), good);
});
