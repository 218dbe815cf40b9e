import assert from 'node:assert/strict';
import { test } from 'node:test';
import { broken, diceOf } from './fuzz.ts';

test('broken makes the same input from the same seed, and others from others', () => {
  const sample = Uint8Array.from({ length: 1000 }, (_, index) => index & 255);
  const made = (seed: number): string => Buffer.from(broken([sample], diceOf(seed))).toString('hex');
  assert.equal(made(7), made(7));
  const all = new Set(Array.from({ length: 200 }, (_, seed) => made(seed * 7919 + 3)));
  assert.ok(all.size > 190, `${all.size} of 200 differ`);
});

test('broken leaves the sample itself as it was, and takes an empty one', () => {
  const sample = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
  const before = sample.slice();
  for (let seed = 1; seed < 500; seed++) {
    broken([sample], diceOf(seed));
    broken([new Uint8Array()], diceOf(seed));
  }
  assert.deepEqual(sample, before);
});
