import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { FileStore } from '../../src/localfs/file-store.ts';
import { fresh, judge, kill, killAll, leftovers, type Running, someMore, start } from './running.ts';
import { state } from './state.ts';

afterEach(killAll);

describe('FileStore whose process is killed', () => {
  it('shows each reader the old or the new state, through a thousand writes', async (t) => {
    const directory = fresh();
    let writes = 0;
    let kills = 0;
    let orphans = 0;
    while (writes < 1000) {
      const running = await start(directory, 3, `run ${kills}`);
      // The numbers start again with each process: what the one before wrote is replaced first.
      await someMore(running, 20 + Math.floor(Math.random() * 60));
      await kill(running);
      orphans += leftovers(directory).length;
      await judge(directory, running);
      writes += running.writes();
      kills++;
    }
    t.diagnostic(`${writes} writes, ${kills} kills, ${orphans} temporary files left by them and cleaned up`);
  });

  it('keeps writers apart that are killed while others go on', async (t) => {
    const directory = fresh();
    const running = await Promise.all(['a', 'b', 'c'].map((name) => start(directory, 2, name)));
    for (let i = 0; i < 6; i++) {
      const victim = running[i % 3] as Running;
      await someMore(victim, 15);
      await kill(victim);
      running[i % 3] = await start(directory, 2, `${i}`);
      const store = await FileStore.open(directory);
      // Whole states only: a mixture of two writers would not have its checksum.
      for (const key of await store.list()) assert.equal(state.decode(await store.read(key)).Key, key);
    }
    for (const each of running) await kill(each);
    await FileStore.open(directory);
    assert.deepEqual(leftovers(directory), []);
    t.diagnostic(
      `${running.reduce((sum, each) => sum + each.writes(), 0)} writes by the last three of 9 processes`,
    );
  });
});
