import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { isCoded } from '../errors/coded-error.ts';
import { acceptUpgrade, openStreamUrl } from './upgrade.ts';
import type { WebSocket as Ours } from './web-socket.ts';

/** A server that sends back what it gets; `seen` gets its protocol. */
async function echo(t: TestContext, serve?: (socket: Ours) => Promise<void>): Promise<number> {
  const server = createServer();
  server.on('upgrade', async (request, socket, head) => {
    const web = acceptUpgrade(request, socket, head, ['v5', 'v4']);
    if (!web) return;
    if (serve) return serve(web).catch(() => web.destroy());
    for await (const message of web.messages()) await web.send(message);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.closeAllConnections());
  t.after(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const signal = () => AbortSignal.timeout(20_000);

test('WebSocket carries messages of every size to and fro', async (t) => {
  const socket = await openStreamUrl(`http://127.0.0.1:${await echo(t)}/x`, ['v4', 'v5'], signal());
  assert.equal(socket.protocol, 'v5', 'the server chooses');
  const sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000];
  const sending = (async () => {
    for (const size of sizes) await socket.send(new Uint8Array(size).fill(size & 0xff));
  })();
  const messages = socket.messages();
  for (const size of sizes) {
    const { value } = await messages.next();
    assert.ok(
      value && value.length === size && value.every((byte: number) => byte === (size & 0xff)),
      String(size),
    );
  }
  await sending;
  await socket.close();
  assert.equal((await messages.next()).done, true);
});

test("WebSocket speaks with another implementation, Node's own client", async (t) => {
  const port = await echo(t);
  const client = new WebSocket(`ws://127.0.0.1:${port}/x`, ['v4']);
  client.binaryType = 'arraybuffer';
  await new Promise((done) => client.addEventListener('open', done));
  const answer = new Promise<ArrayBuffer>((done) =>
    client.addEventListener('message', ({ data }) => done(data as ArrayBuffer)),
  );
  client.send(new Uint8Array(70_000).fill(7));
  assert.equal((await answer).byteLength, 70_000);
  const closed = new Promise<CloseEvent>((done) => client.addEventListener('close', (event) => done(event)));
  client.close(1000);
  assert.equal((await closed).code, 1000);
});

test('acceptUpgrade refuses other protocols in words', async (t) => {
  const url = `http://127.0.0.1:${await echo(t)}/x`;
  await assert.rejects(openStreamUrl(url, ['v1'], signal()), /400 Bad Request no protocol in common/);
});

test('WebSocket gives up on a frame that is too large, not masked or of no protocol', async (t) => {
  const faults = [
    Buffer.from([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    Buffer.from([0x82, 0x01, 0x41]),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
  ];
  for (const fault of faults) {
    const failed = Promise.withResolvers<unknown>();
    const port = await echo(t, async (web) => {
      try {
        for await (const _ of web.messages());
        failed.resolve(undefined);
      } catch (error) {
        failed.resolve(error);
        web.destroy();
      }
    });
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(
      'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: v4\r\n\r\n',
    );
    socket.once('data', () => socket.write(fault));
    const error = await failed.promise;
    assert.ok(isCoded(error, 'corrupt') || isCoded(error, 'resource-exhausted'), String(error));
    socket.destroy();
  }
});

test('openStreamUrl refuses a URL that is not plain HTTP', async () => {
  await assert.rejects(openStreamUrl('https://x/', ['v4'], signal()), /not over plain HTTP/);
});
