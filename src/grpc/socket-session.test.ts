import assert from 'node:assert/strict';
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ConnectError } from '@connectrpc/connect';
import { atEnd, folderFor, until } from '../../test/runtime.ts';
import { isCoded } from '../errors/coded-error.ts';
import { openSocket } from '../runtime/cri/cri-runtime.ts';
import { nodePods } from '../runtime/cri/node-pods.ts';

/** An empty SETTINGS frame. */
const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

/** A socket on which every connection is treated by `treat`. */
async function socketThat(t: TestContext, treat: (connection: Socket) => void): Promise<string> {
  const path = join(folderFor(t, 'socket'), 'runtime.sock');
  const connections = new Set<Socket>();
  const server = createServer((connection) => {
    connections.add(connection);
    connection.on('error', () => {});
    treat(connection);
  });
  await new Promise<void>((done) => server.listen(path, done));
  atEnd(t, () => {
    for (const each of connections) each.destroy();
    server.close();
  });
  return path;
}

/** What is said of the runtime there, twice: the second time over another connection, or the same one. */
async function failureAt(t: TestContext, path: string): Promise<string> {
  const socket = openSocket(path);
  atEnd(t, () => socket.close());
  const calls = [1, 2].map(() => socket.runtime.version({}, { timeoutMs: 500 }));
  const failures = await Promise.allSettled(calls);
  // An error without a listener would come up now, and fail the test.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const reasons = failures.map((each) =>
    each.status === 'rejected' ? ConnectError.from(each.reason) : undefined,
  );
  assert.ok(reasons[0] && reasons[1]);
  return reasons[1].message;
}

const garbage = /^\[unavailable\] what listens there does not speak gRPC \(Protocol error\)$/;
const cases: readonly [string, (connection: Socket) => void, RegExp][] = [
  ['answers in HTTP/1.1', (it) => it.end('HTTP/1.1 400 Bad Request\r\n\r\n'), garbage],
  ['answers garbage and stays', (it) => it.write(Buffer.alloc(4096, 0xa5)), garbage],
  [
    'closes at once',
    (it) => it.destroy(),
    /^\[unavailable\] it closes the connection without a word of gRPC$/,
  ],
  ['never answers', () => {}, /^\[deadline_exceeded\]/],
];
for (const [what, treat, message] of cases) {
  test(`openSocket survives a socket that ${what}, and says so`, async (t) => {
    const path = await socketThat(t, treat);
    assert.match(await failureAt(t, path), message);
  });
}

test('openSocket survives a server that greets and then talks nonsense', async (t) => {
  const path = await socketThat(t, (connection) => {
    connection.write(settings);
    connection.once('data', () => connection.write('nonsense, and more of it'));
  });
  assert.match(await failureAt(t, path), /Protocol error|gRPC|closed/);
});

test('openSocket connects again after a server has gone and come back', async (t) => {
  const path = join(folderFor(t, 'socket'), 'runtime.sock');
  const socket = openSocket(path);
  atEnd(t, () => socket.close());
  const asked = (): Promise<string> =>
    socket.runtime.version({}, { timeoutMs: 5000 }).then(String, (error) => ConnectError.from(error).message);
  assert.match(await asked(), /ENOENT/);
  for (const round of [1, 2]) {
    const sessions = new Set<ServerHttp2Session>();
    const server = createHttp2Server((_, response) => {
      const answer = { 'content-type': 'application/grpc', 'grpc-status': '12', 'grpc-message': `${round}` };
      response.writeHead(200, answer).end();
    });
    server.on('session', (session) => sessions.add(session));
    await new Promise<void>((done) => server.listen(path, done));
    atEnd(t, () => {
      for (const each of sessions) each.destroy();
      server.close();
    });
    // The first call may still go to the connection that is just being given up.
    await until('an answer', async () => (await asked()) === `[unimplemented] ${round}`, 5000);
    for (const each of sessions) each.destroy();
    await new Promise((done) => server.close(done));
  }
});

test('nodePods names the socket and what is wrong with it', async (t) => {
  const path = await socketThat(t, (connection) => connection.destroy());
  await assert.rejects(nodePods(folderFor(t, 'kubelet'), path), (error) => {
    assert.ok(isCoded(error, 'unavailable'));
    assert.equal(
      error.message,
      `asking the container runtime at ${path}: it closes the connection without a word of gRPC`,
    );
    return true;
  });
});
