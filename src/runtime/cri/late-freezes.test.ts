import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { until } from '../../../test/runtime.ts';
import { isGivenUp, LateFreezes } from './late-freezes.ts';

/** Looks that find what they are given, in turn, and then a container that runs. */
function looks(...found: (boolean | 'ended' | Error)[]) {
  const seen = { looks: 0, done: [] as string[] };
  const late = new LateFreezes({
    async look() {
      const now = found[seen.looks++] ?? false;
      if (now instanceof Error) throw now;
      return now === 'ended' ? undefined : now;
    },
    async done(id) {
      seen.done.push(id);
    },
  });
  return { late, seen };
}

test('LateFreezes + a container that is frozen late is looked after until it keeps running', async () => {
  const { late, seen } = looks(false, true, new Error('gone'), true);
  late.watch('c');
  late.watch('c');
  await until('it is believed', () => seen.done.length > 0);
  assert.deepEqual(seen.done, ['c']);
  assert.ok(seen.looks > 8, `${seen.looks} looks`);
});

test('LateFreezes + a container that has ended is looked after no longer', async () => {
  const { late, seen } = looks(true, 'ended');
  late.watch('c');
  await late.idle();
  assert.deepEqual([seen.looks, seen.done], [2, ['c']]);
});

test('LateFreezes.leave + nobody looks any more, and nothing is forgotten', async () => {
  const { late, seen } = looks();
  late.watch('c');
  await until('a look', () => seen.looks > 0);
  await late.leave('c');
  const before = seen.looks;
  await sleep(300);
  assert.deepEqual([seen.looks, seen.done], [before, []]);
  late.watch('d');
  late.close();
  await sleep(100);
  assert.deepEqual([seen.looks, seen.done], [before, []]);
  await late.leave('never watched');
});

test('isGivenUp + calls that ended on our side, and calls that the runtime answered', () => {
  const live = new AbortController().signal;
  for (const code of [Code.Canceled, Code.DeadlineExceeded, Code.Unavailable]) {
    assert.equal(isGivenUp(new ConnectError('x', code), live), true);
  }
  assert.equal(isGivenUp(new ConnectError('x', Code.Unknown), live), false);
  assert.equal(isGivenUp(new ConnectError('x', Code.Unknown), AbortSignal.abort()), true);
});
