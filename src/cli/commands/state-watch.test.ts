import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { folderFor, until } from '../../../test/runtime.ts';
import { encodeAs } from '../../checkpointmanager/define.ts';
import { cpuManager } from '../../kubeletstate/cpu-manager.ts';
import { writeFileAtomic } from '../../localfs/atomic-file.ts';
import { listGenerations } from '../../localfs/generations.ts';
import { capturedConsole } from '../captured-console.ts';
import { commands } from '../commands.ts';
import { run } from '../run.ts';

const state = (shared: string): Uint8Array =>
  encodeAs(cpuManager.version('v2'), {
    PolicyName: 'none',
    DefaultCPUSet: shared,
    Entries: new Map(),
    Checksum: 0n,
  });

/** `state watch` at work in a folder with one good file, and what it has written so far. */
function watching(t: TestContext, ...words: string[]) {
  const root = folderFor(t, 'watch');
  const path = join(root, 'cpu_manager_state');
  writeFileSync(path, state('0-1'), { mode: 0o600 });
  const stop = new AbortController();
  t.after(() => stop.abort());
  const now = new Date('2026-01-31T23:59:59Z');
  const console = { ...capturedConsole({ now }), signal: stop.signal };
  const ended = run(commands, ['state', 'watch', ...words, root], console);
  const said = (what: RegExp): Promise<unknown> => until(String(what), () => what.test(console.out.text));
  return { root, path, console, said, ended, stop };
}

test('state watch prints a line for each file and change, and ends with the signal', async (t) => {
  const { root, path, console, said, ended, stop } = watching(t, '--keep', '2');
  await said(/accepted by/);
  await writeFileAtomic(path, state('0-3'));
  await until(
    'the next generation',
    async () => (await listGenerations(root, 'cpu_manager_state')).length === 2,
  );
  writeFileSync(path, '{"policyName":"none","defaultCpuSet":"0-9","checksum":7}');
  await said(/NOT VALID/);
  rmSync(path);
  await said(/removed/);
  stop.abort();
  assert.equal(await ended, 0);
  const lines = console.out.text.trimEnd().split('\n');
  assert.equal(lines[0], `2026-01-31T23:59:59.000Z ${path}: cpu-manager v2 valid, accepted by 1.18-1.36`);
  assert.ok(
    lines.some((line) => /: cpu-manager v2 NOT VALID; the file says 7, its content gives \d+$/.test(line)),
  );
  assert.ok(lines.includes(`2026-01-31T23:59:59.000Z ${path}: removed`));
});

for (const [format, parse] of [
  [
    'json',
    (text: string) =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
  ],
  ['yaml', async (text: string) => (await import('yaml')).parseAllDocuments(text).map((each) => each.toJS())],
] as const) {
  test(`state watch -o ${format} prints an object for each, with the members of verify`, async (t) => {
    const { path, console, said, ended, stop } = watching(t, '-o', format);
    await said(/findings/);
    writeFileSync(path, '');
    await said(/unexpected end of JSON input/);
    stop.abort();
    await ended;
    const [first, ...others] = await parse(console.out.text);
    assert.deepEqual([first.time, first.removed, first.path], ['2026-01-31T23:59:59.000Z', false, path]);
    assert.deepEqual(
      [first.kind, first.valid, typeof first.stored, first.findings],
      ['cpu-manager', true, 'number', []],
    );
    assert.equal(others.at(-1).findings[0].code, 'undecodable');
  });
}
