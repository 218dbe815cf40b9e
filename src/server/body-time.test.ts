import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type TestContext, test } from 'node:test';
import { allowLongBody, limitBodyTime } from './body-time.ts';

/** A request of which so many bytes have come, under a clock that goes on when it is told to. */
function request(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const incoming = Object.assign(new EventEmitter(), {
    socket: { bytesRead: 0 },
    complete: false,
    destroyed: false,
    isPaused: () => false,
  });
  let late = 0;
  const watch = () => limitBodyTime(incoming as unknown as IncomingMessage, 1000, () => late++);
  const pass = (bytes: number) => {
    incoming.socket.bytesRead += bytes;
    t.mock.timers.tick(1000);
    return late;
  };
  return { incoming, watch, pass };
}

test('limitBodyTime ends a request that has not come in its time, however it drips', (t) => {
  const { watch, pass } = request(t);
  watch();
  assert.equal(pass(1), 1);
  assert.equal(pass(1), 1, 'once');
});

test('limitBodyTime lets an upload go on as long as it comes, and ends it when it stops', (t) => {
  const { incoming, watch, pass } = request(t);
  watch();
  allowLongBody(incoming as unknown as IncomingMessage);
  for (let minutes = 0; minutes < 10; minutes++) assert.equal(pass(1), 0);
  assert.equal(pass(0), 1);
});

test('limitBodyTime forgets a request that has come, and one whose client is gone', (t) => {
  const { incoming, watch, pass } = request(t);
  watch();
  incoming.emit('end');
  assert.equal(pass(0), 0);
  watch();
  incoming.emit('close');
  assert.equal(pass(0), 0);
});
