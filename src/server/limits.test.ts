import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestLimits } from './limits.ts';

const left = (place: ReturnType<RequestLimits['enter']>): (() => void) => {
  assert.ok(typeof place === 'function', 'there is a place');
  return place;
};

test('RequestLimits gives places to a user and to the node, and takes them back once', () => {
  const limits = new RequestLimits({ node: 3, user: 2 });
  const first = left(limits.enter('a'));
  left(limits.enter('a'));
  assert.deepEqual(limits.enter('a'), {
    why: 'too many checkpoints in flight, try again later',
    retryAfter: 1,
  });
  left(limits.enter('b'));
  assert.equal(typeof limits.enter('c'), 'object');
  first();
  first();
  assert.equal(limits.inFlight, 2);
  left(limits.enter('a'));
});

test('RequestLimits lets a minute’s worth through, and then at the rate', () => {
  let now = 0;
  const limits = new RequestLimits({ userRate: 2, nodeRate: 3 }, () => now);
  left(limits.enter('a'))();
  left(limits.enter('a'))();
  assert.deepEqual(limits.enter('a'), {
    why: 'too many checkpoints asked for lately, try again later',
    retryAfter: 30,
  });
  left(limits.enter('b'))();
  assert.deepEqual(limits.enter('c'), {
    why: 'too many checkpoints asked for lately, try again later',
    retryAfter: 20,
  });
  now = 30_000;
  left(limits.enter('a'))();
  assert.equal(typeof limits.enter('a'), 'object');
});
