import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedQueue } from './keyed-queue.ts';

test('KeyedQueue runs one piece of work for a key at a time, in order, also after a failure', async () => {
  const queue = new KeyedQueue();
  const seen: string[] = [];
  const release: (() => void)[] = [];
  const work = (name: string) => async (): Promise<string> => {
    seen.push(`${name} begins`);
    await new Promise<void>((done) => release.push(done));
    seen.push(`${name} ends`);
    if (name === 'a') throw new Error('a failed');
    return name;
  };
  const first = queue.run('key', work('a'));
  const second = queue.run('key', work('b'));
  const other = queue.run('other', work('c'));
  await new Promise(setImmediate);
  assert.deepEqual(seen, ['a begins', 'c begins']);
  release.shift()?.();
  await assert.rejects(first, /a failed/);
  await new Promise(setImmediate);
  assert.deepEqual(seen.slice(2), ['a ends', 'b begins']);
  for (const done of release) done();
  assert.deepEqual(await Promise.all([second, other]), ['b', 'c']);
});
