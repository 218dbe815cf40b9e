import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readContainerLog } from './container-log.ts';

const time = '2026-01-01T00:00:00.000000000Z';
const signal = () => AbortSignal.timeout(20_000);

function logFile(t: TestContext, lines: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'container-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, '0.log');
  writeFileSync(path, lines.map((line) => `${time} ${line}\n`).join(''));
  return path;
}

async function textOf(path: string, more: object = {}): Promise<string> {
  let text = '';
  const options = { follow: false, ended: async () => true, ...more };
  for await (const { stream, content } of readContainerLog(path, options, signal())) {
    text += `${stream === 'stderr' ? '!' : ''}${Buffer.from(content).toString()}`;
  }
  return text;
}

test('readContainerLog joins the pieces of a line, and tells the streams apart', async (t) => {
  const path = logFile(t, [
    'stdout F one',
    'stderr P tw',
    'stderr F o',
    'stdout F ',
    'broken',
    'stdout F a b  c',
  ]);
  assert.equal(await textOf(path), 'one\n!tw!o\n\na b  c\n');
});

test('readContainerLog takes the last lines, however long the file is', async (t) => {
  const lines = Array.from({ length: 20_000 }, (_, index) => `stdout F line ${index}`);
  const path = logFile(t, [...lines, 'stdout P x', 'stdout P y', 'stdout F z']);
  assert.equal(await textOf(path, { tail: 1 }), 'xyz\n');
  assert.equal(await textOf(path, { tail: 3 }), 'line 19998\nline 19999\nxyz\n');
  assert.equal(await textOf(path, { tail: 0 }), '');
  const many = (await textOf(path, { tail: 15_000 })).split('\n');
  assert.equal(many.length, 15_001);
  assert.equal(many[0], 'line 5001');
  assert.equal((await textOf(path, { tail: 1_000_000 })).split('\n').length, 20_002);
});

test('readContainerLog follows until the container has ended', async (t) => {
  const path = logFile(t, ['stdout F one']);
  let looks = 0;
  const ended = async () => {
    appendFileSync(path, `${time} stdout F more ${looks}\n`);
    return ++looks === 3;
  };
  assert.equal(await textOf(path, { follow: true, ended }), 'one\nmore 0\nmore 1\nmore 2\n');
});
