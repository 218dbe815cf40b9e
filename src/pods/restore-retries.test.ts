import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError } from '../errors/coded-error.ts';
import { keepTrying, mayPass, pauseAfter, triedAgain } from './restore-retries.ts';

test('mayPass + what waits for time, space, an image or a runtime, and nothing that stays as it is', () => {
  const passing = ['unavailable', 'deadline-exceeded', 'resource-exhausted', 'busy', 'not-found'] as const;
  for (const code of passing) assert.equal(mayPass(new CodedError(code, 'x')), true, code);
  const staying = ['corrupt', 'unsupported', 'failed-precondition', 'invalid-argument', 'internal'] as const;
  for (const code of staying) assert.equal(mayPass(new CodedError(code, 'x')), false, code);
  assert.equal(mayPass(new Error('x')), false);
});

test('pauseAfter + twice as long each time, and never more than five minutes', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 1000].map(pauseAfter),
    [1, 2, 4, 8, 16, 32, 300].map((s) => s * 1000),
  );
});

test('triedAgain + says when and after how many', () => {
  assert.equal(triedAgain(1, 0), 'it is tried again at 1970-01-01T00:00:01Z (1 attempt failed)');
  assert.equal(triedAgain(2, 0), 'it is tried again at 1970-01-01T00:00:02Z (2 attempts failed)');
});

test('keepTrying + ends at once, without another attempt, when it is told to stop', async () => {
  const stop = new AbortController();
  let attempts = 0;
  const attempt = async () => {
    attempts++;
    return false;
  };
  const trying = keepTrying(attempt, 1, stop.signal);
  stop.abort();
  await trying;
  assert.equal(attempts, 0);
});
