import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Operation } from '../api/stasis.ts';
import { CodedError } from '../errors/coded-error.ts';
import { CheckpointOperations, type OperationWork } from './checkpoint-operations.ts';

const target = { namespace: 'n', pod: 'p', container: 'c' };
const result = { namespace: 'n', name: 'x.tar', pod: 'p', container: 'c', archive: '/x.tar', size: 3 };
const never = new AbortController().signal;

function work(
  make: OperationWork['make'],
  ended = (_operation: Operation): void => undefined,
): OperationWork {
  return { make, ended, digest: async () => `sha256:${'0'.repeat(64)}` };
}

test('an operation tells its stages in order, and ends with result and digest', async () => {
  const operations = new CheckpointOperations(never);
  const begun = operations.start(
    target,
    'ann',
    work(async (_signal, tell) => {
      for (const stage of ['freezing', 'dumping', 'archiving'] as const) {
        tell({ stage, written: 1, estimated: 2 });
        await new Promise((done) => setTimeout(done, 1));
      }
      return result;
    }),
  );
  const stages: string[] = [];
  let last: Operation = begun;
  for await (const state of operations.follow(begun.id, never)) {
    stages.push(state.stage);
    last = state;
  }
  const inOrder = ['waiting', 'freezing', 'dumping', 'archiving', 'digest', 'done'];
  assert.deepEqual(
    [...new Set(stages)],
    inOrder.filter((one) => stages.includes(one)),
  );
  assert.ok(stages.includes('archiving'));
  assert.deepEqual(
    [last.state, last.stage, last.result, last.digest, last.written, last.by],
    ['succeeded', 'done', result, `sha256:${'0'.repeat(64)}`, undefined, 'ann'],
  );
});

test('cancel waits for the end of the work, and stopping cancels all', async () => {
  const stopping = new AbortController();
  const operations = new CheckpointOperations(stopping.signal);
  let cleaned = 0;
  const slow = work(async (signal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await new Promise((done) => setTimeout(done, 20));
    cleaned++;
    throw signal.reason;
  });
  const first = operations.start(target, 'a', slow);
  const second = operations.start(target, 'a', slow);
  const cancelled = await operations.cancel(first.id);
  assert.deepEqual([cancelled.state, cancelled.error?.code, cleaned], ['cancelled', 'cancelled', 1]);
  stopping.abort(new CodedError('cancelled', 'stasisd is stopping'));
  await operations.idle();
  assert.equal(cleaned, 2);
  assert.equal(operations.get(second.id).error?.message, 'stasisd is stopping');
});

test('operations are bounded: the oldest that ended make room, those being made do not', async () => {
  const ended: string[] = [];
  const operations = new CheckpointOperations(never, { most: 2 });
  const quick = work(
    async () => result,
    ({ id }) => ended.push(id),
  );
  const first = operations.start(target, 'a', quick);
  await operations.idle();
  const slow = work(
    (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  );
  const second = operations.start(target, 'a', slow);
  const third = operations.start(target, 'a', slow);
  assert.deepEqual(ended, [first.id]);
  assert.throws(() => operations.get(first.id), { code: 'not-found' });
  assert.throws(() => operations.start(target, 'a', quick), { code: 'busy' });
  await Promise.all([operations.cancel(second.id), operations.cancel(third.id)]);
});

test('operations are forgotten a while after their end', async () => {
  const operations = new CheckpointOperations(never, { keep: 1 });
  operations.start(
    target,
    'a',
    work(async () => {
      throw new CodedError('resource-exhausted', 'no space', { hint: 'make some' });
    }),
  );
  const [state] = await Promise.all([operations.idle().then(() => operations.list()[0])]);
  assert.deepEqual(state?.error, { code: 'resource-exhausted', message: 'no space', hint: 'make some' });
  await new Promise((done) => setTimeout(done, 20));
  assert.deepEqual(operations.list(), []);
});
