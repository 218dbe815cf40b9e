import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecisionCache } from './decision-cache.ts';

test('DecisionCache keeps each answer for its own time, and no more answers than it may', async () => {
  let now = 0;
  let asked = 0;
  const cache = new DecisionCache<boolean>(
    (allowed) => (allowed ? 300 : 30),
    2,
    () => now,
  );
  const get = (key: string, answer = true) =>
    cache.get(key, async () => {
      asked += 1;
      return answer;
    });
  assert.deepEqual(await Promise.all([get('a'), get('a'), get('b', false)]), [true, true, false]);
  assert.equal(asked, 2);
  now = 31;
  assert.equal(await get('a', false), true);
  assert.equal(await get('b', true), true);
  assert.equal(asked, 3);
  await get('a');
  await get('c');
  assert.equal(cache.size, 2);
  await get('a');
  assert.equal(asked, 4);
  await get('b');
  assert.equal(asked, 5);
});

test('DecisionCache keeps no failure, and nothing for a time of 0', async () => {
  const cache = new DecisionCache<number>(() => 0, 2);
  await assert.rejects(
    cache.get('a', async () => {
      throw new Error('not now');
    }),
    /not now/,
  );
  assert.equal(await cache.get('a', async () => 1), 1);
  assert.equal(await cache.get('a', async () => 2), 2);
  assert.equal(cache.size, 0);
});
