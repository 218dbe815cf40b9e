import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isCoded } from '../errors/coded-error.ts';
import { isLockName, lockDirectory, withDirectoryLock } from './directory-lock.ts';

const module = join(import.meta.dirname, 'directory-lock.ts');

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lock-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A process that runs `source`, a module's text; it talks through its channel. */
async function child(source: string): Promise<ChildProcess> {
  const path = join(directory, `.child-${Math.random()}.mjs`);
  await writeFile(path, source);
  return fork(path, [directory], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

const holder = `
import { lockDirectory } from ${JSON.stringify(module)};
await lockDirectory(process.argv[2]);
process.send('held');
setInterval(() => {}, 1000);
`;

/** Adds one to a counter, by reading and writing it, as often as it can until it is killed. */
const counter = `
import { withDirectoryLock } from ${JSON.stringify(module)};
import { readFile, writeFile, rename } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
const path = process.argv[2] + '/count';
for (;;) {
  await withDirectoryLock(process.argv[2], async () => {
    const count = Number(await readFile(path, 'utf8'));
    await sleep(Math.random() * 2);
    await writeFile(path + '.' + process.pid, String(count + 1));
    await rename(path + '.' + process.pid, path);
    process.send(count + 1);
  });
}
`;

describe('lockDirectory', () => {
  it('lets callers in one process in one at a time, in order', async () => {
    const seen: number[] = [];
    let inside = 0;
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        withDirectoryLock(directory, async () => {
          assert.equal(++inside, 1);
          await sleep(Math.random() * 2);
          seen.push(i);
          inside--;
        }),
      ),
    );
    assert.deepEqual(
      seen,
      Array.from({ length: 20 }, (_, i) => i),
    );
  });

  it('is released by the death of the process that holds it', async () => {
    const other = await child(holder);
    await once(other, 'message');
    await assert.rejects(lockDirectory(directory, { timeout: 20 }), (e) => isCoded(e, 'deadline-exceeded'));
    other.kill('SIGKILL');
    await once(other, 'exit');
    (await lockDirectory(directory, { timeout: 0 })).release();
  });

  it('keeps processes apart that are killed and started again while they race for it', async () => {
    await writeFile(join(directory, 'count'), '0');
    const announced: number[] = [];
    const run = async (): Promise<ChildProcess> =>
      (await child(counter)).on('message', (n: number) => announced.push(n));
    const children = await Promise.all([run(), run(), run()]);
    for (let round = 0; round < 6; round++) {
      const goal = announced.length + 15;
      while (announced.length < goal) await sleep(5);
      const victim = children[round % 3] as ChildProcess;
      victim.kill('SIGKILL');
      await once(victim, 'exit');
      children[round % 3] = await run();
    }
    for (const one of children) {
      one.kill('SIGKILL');
      await once(one, 'exit');
    }
    // A count announced twice would be an update lost between two that were inside together.
    assert.equal(new Set(announced).size, announced.length);
    const last = Number(await readFile(join(directory, 'count'), 'utf8'));
    assert.ok(last >= announced.length, `${last} counted, ${announced.length} announced`);
  });

  it('does not let a process that writes in a loop starve another', async () => {
    await writeFile(join(directory, 'count'), '0');
    const busy = await child(counter);
    await once(busy, 'message');
    for (let i = 0; i < 5; i++) (await lockDirectory(directory, { timeout: 5000 })).release();
    busy.kill('SIGKILL');
    await once(busy, 'exit');
  });

  it('gives up at the signal, and leaves the queue to the next', async () => {
    const held = await lockDirectory(directory);
    const stop = new AbortController();
    const waiter = lockDirectory(directory, { signal: stop.signal });
    const next = lockDirectory(directory);
    stop.abort(new Error('enough'));
    await assert.rejects(waiter, /enough/);
    held.release();
    held.release();
    (await next).release();
  });

  it('leaves two private empty files and nothing else', async () => {
    (await lockDirectory(directory)).release();
    const names = await readdir(directory);
    assert.deepEqual(names.map(isLockName), [true, true]);
    for (const name of names) {
      const { mode, size } = await stat(join(directory, name));
      assert.deepEqual([mode & 0o777, size], [0o600, 0]);
    }
  });

  it('says what is wrong with a lock file that cannot be used', async () => {
    await symlink('/nowhere', join(directory, '.stasis-lock'));
    await assert.rejects(
      lockDirectory(directory),
      (e) => isCoded(e, 'failed-precondition') && /not a regular file/.test(e.message),
    );
  });
});
