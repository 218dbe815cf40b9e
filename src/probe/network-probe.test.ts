import assert from 'node:assert/strict';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { type Dial, probeGrpc, probeHttp, probeTcp } from './network-probe.ts';

async function dialTo(t: TestContext, server: Pick<Server, 'listen' | 'close' | 'address'>): Promise<Dial> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return (signal) =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, signal });
      socket.once('error', reject);
      // As a connection through a program is one: a pair of streams, no socket.
      socket.once('connect', () => resolve(Duplex.from({ readable: socket, writable: socket })));
    });
}

const http = { path: '/h', host: 'pod:1', scheme: 'HTTP', headers: [{ name: 'X-A', value: 'b' }] } as const;
const signal = () => AbortSignal.timeout(10_000);

test('probeHttp is content with 200 to 399, and sends its path, host and headers', async (t) => {
  const statuses = [200, 302, 399, 400, 503];
  const seen: unknown[] = [];
  const dial = await dialTo(
    t,
    createHttp((request, answer) => {
      seen.push([request.url, request.headers.host, request.headers['x-a']]);
      answer.writeHead(statuses.shift() ?? 500).end('x');
    }),
  );
  for (const wanted of [undefined, undefined, undefined, /400/, /503/]) {
    const complaint = await probeHttp(dial, http, signal());
    if (wanted) assert.match(complaint ?? '', wanted);
    else assert.equal(complaint, undefined);
  }
  assert.deepEqual(seen[0], ['/h', 'pod:1', 'b']);
});

test('probeHttp fails where nobody answers in time, and where the other side hangs up', async (t) => {
  const silent = await dialTo(
    t,
    createServer(() => {}),
  );
  await assert.rejects(probeHttp(silent, http, AbortSignal.timeout(200)));
  const rude = await dialTo(
    t,
    createServer((socket) => socket.destroy()),
  );
  await assert.rejects(probeHttp(rude, http, signal()));
});

test('probeTcp is content with a connection', async (t) => {
  const dial = await dialTo(
    t,
    createServer((socket) => socket.destroy()),
  );
  assert.equal(await probeTcp(dial, signal()), undefined);
  await assert.rejects(
    probeTcp(async () => Promise.reject(new Error('refused')), signal()),
    /refused/,
  );
});

test('probeGrpc asks for the service and is content with SERVING alone', async (t) => {
  const asked: string[] = [];
  const answers = [Buffer.from([0, 0, 0, 0, 2, 8, 1]), Buffer.from([0, 0, 0, 0, 2, 8, 2]), undefined];
  const server = createHttp2();
  server.on('stream', (stream, headers) => {
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('end', () => {
      asked.push(`${headers[':path']} ${Buffer.concat(pieces).subarray(7).toString()}`);
      const answer = answers.shift();
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', ...(answer ? {} : { 'grpc-status': '12' }) },
        answer ? { waitForTrailers: true } : { endStream: true },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      if (answer) stream.end(answer);
    });
  });
  const dial = await dialTo(t, server);
  assert.equal(await probeGrpc(dial, 'redis', signal()), undefined);
  assert.match((await probeGrpc(dial, 'redis', signal())) ?? '', /responded with status 2/);
  assert.match((await probeGrpc(dial, 'redis', signal())) ?? '', /status 12/);
  assert.equal(asked[0], '/grpc.health.v1.Health/Check redis');
});
