import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderFor } from '../../../test/runtime.ts';
import { identify, isAlive, readPidFile } from './process-identity.ts';

test('isAlive knows a process from a later one with its number', async () => {
  const child = spawn('sleep', ['1000']);
  const identity = await identify(child.pid ?? 0);
  assert.ok(await isAlive(identity));
  assert.ok(!(await isAlive({ ...identity, startTime: '1' })));
  assert.ok(!(await isAlive({ ...identity, bootId: 'another boot' })));
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(!(await isAlive(identity)));
  await assert.rejects(identify(child.pid ?? 0), { code: 'not-found' });
});

test('isAlive is not misled by a name with blanks and parentheses', async (t) => {
  const folder = folderFor(t);
  const odd = join(folder, 'a) R 1 (b');
  writeFileSync(odd, '#!/bin/sh\nread line\n', { mode: 0o755 });
  const child = spawn(odd, [], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(child, 'spawn');
  assert.ok(await isAlive(await identify(child.pid ?? 0)));
  child.kill('SIGKILL');
  await once(child, 'exit');
});

test('readPidFile takes nothing but a number', async (t) => {
  const folder = folderFor(t);
  const cases: Record<string, number | undefined> = {
    '12\n': 12,
    '': undefined,
    x: undefined,
    '-1': undefined,
  };
  for (const [text, pid] of Object.entries(cases)) {
    writeFileSync(join(folder, 'pid'), text);
    assert.equal(await readPidFile(join(folder, 'pid')), pid, text);
  }
  assert.equal(await readPidFile(join(folder, 'none')), undefined);
});
