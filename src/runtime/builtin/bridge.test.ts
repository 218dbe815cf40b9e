import assert from 'node:assert/strict';
import { type AddressInfo, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { isCoded } from '../../errors/coded-error.ts';
import { openPort } from './bridge.ts';

const signal = () => AbortSignal.timeout(20_000);

test('openPort carries bytes both ways, and the end of what is sent', async (t) => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    text(socket).then((said) => socket.end(`got ${said.length}`));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => void server.close());
  const stream = await openPort(undefined, (server.address() as AddressInfo).port, signal());
  stream.end('x'.repeat(300_000));
  assert.equal(await text(stream), 'got 300000');
});

test('openPort says where nothing listens', async () => {
  await assert.rejects(openPort(undefined, 1, signal()), (error) => {
    assert.ok(isCoded(error, 'unavailable'));
    assert.match(error.message, /connecting to port 1: Connection refused/);
    return true;
  });
});

test('openPort ends with its signal', async (t) => {
  const server = createServer(() => {});
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => void server.close());
  const { port } = server.address() as AddressInfo;
  await assert.rejects(openPort(undefined, port, AbortSignal.abort(new Error('enough'))), /enough/);
});
