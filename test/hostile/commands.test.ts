import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderFor, needsRuntime } from '../runtime.ts';
import { hostileArchives } from './archives.ts';
import { commandLines, type Outcome, outcomeOf, wrongWith } from './commands.ts';

/** Two at a time: what is looked at is each by itself. */
async function outcomes(archive: string, folder: string): Promise<Outcome[]> {
  const waiting = [...commandLines];
  const found: Outcome[] = [];
  const work = async (): Promise<void> => {
    for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) {
      found.push(await outcomeOf(line, archive, folder));
    }
  };
  await Promise.all([work(), work()]);
  return found;
}

// The program that measures memory is part of the machine.
for (const { name, bytes } of hostileArchives) {
  test(`every command + ${name}: an error of ours or a bounded answer`, needsRuntime, async (t) => {
    const folder = folderFor(t, 'hostile');
    const archive = join(folder, 'archive');
    writeFileSync(archive, await bytes());
    const wrong = (await outcomes(archive, folder)).flatMap((outcome) => {
      const found = wrongWith(outcome);
      return found === undefined ? [] : [`${outcome.line}: ${found}\n${outcome.err.slice(0, 500)}`];
    });
    assert.deepEqual(wrong, []);
    assert.ok(!existsSync(join(folder, 'escape')) && !existsSync('/escape'));
  });
}

test('the checks + a command that is right, wrong, silent, or speaks to the terminal', async () => {
  const good = {
    line: 'show ARCHIVE',
    status: 0,
    signal: null,
    seconds: 1,
    memory: 1000,
    out: 'fine ├──\n',
    err: '',
  };
  assert.equal(wrongWith(good), undefined);
  assert.equal(wrongWith({ ...good, status: 1, err: 'Error: no\n' }), undefined);
  for (const bad of [
    { status: null, signal: 'SIGKILL' },
    { status: 134 },
    { status: 1 },
    { err: 'Error: Maximum call stack size exceeded\n', status: 1 },
    { out: 'a\x1b[2J' },
    { out: Buffer.from('a\u202eb').toString('latin1') },
    { memory: 1 << 21 },
  ]) {
    assert.notEqual(wrongWith({ ...good, ...bad }), undefined, JSON.stringify(bad));
  }
});
