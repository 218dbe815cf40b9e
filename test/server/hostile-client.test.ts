import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import type { Checkpointer } from '../../src/pods/checkpointer.ts';
import { listen } from '../../src/server/https-server.ts';
import { ask, askRaw, createAppFor, makeTrust, type Served, serve } from './harness.ts';

const trust = makeTrust();
let checkpoints = 0;
const node: Checkpointer = {
  containersOf: async () => ['c'],
  async checkpoint() {
    checkpoints += 1;
    return { path: '/x.tar' };
  },
};
let served: Served;
before(async () => {
  served = await serve(trust, node);
});
after(() => served.server.close(100));

const line = 'POST /checkpoint/default/counter/c HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good-token\r\n';

const hostile: readonly [what: string, bytes: string, answer: RegExp][] = [
  ['no HTTP at all', '\x16\x03\x01garbage\r\n\r\n', /^HTTP\/1\.1 400 Bad Request\r\n/],
  [
    'both lengths',
    `${line}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    /^HTTP\/1\.1 400 /,
  ],
  ['two lengths', `${line}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde`, /^HTTP\/1\.1 400 /],
  ['unknown coding', `${line}Transfer-Encoding: xchunked\r\n\r\n`, /^HTTP\/1\.1 400 /],
  ['space before the colon', `${line}Content-Length : 4\r\n\r\nabcd`, /^HTTP\/1\.1 400 /],
  [
    'bare newline in a header',
    `${line}X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    /^HTTP\/1\.1 400 /,
  ],
  [
    'no host',
    'POST /checkpoint/a/b/c HTTP/1.1\r\nAuthorization: Bearer good-token\r\n\r\n',
    /^HTTP\/1\.1 400 /,
  ],
  [
    'headers without end',
    `${line}X: ${'a'.repeat(20_000)}\r\n\r\n`,
    /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/,
  ],
  [
    'upgrade to another protocol',
    `${line}Upgrade: h2c\r\nConnection: Upgrade, close\r\n\r\n`,
    /^HTTP\/1\.1 200 /,
  ],
];
for (const [what, bytes, answer] of hostile) {
  test(`the server stands against a request with ${what}`, async () => {
    assert.match(await askRaw(trust, served.server.port, bytes), answer);
  });
}

test('a long URL is refused before anyone is asked who it is', async () => {
  const answer = await ask(trust, served.server.port, `/checkpoint/${'a'.repeat(9000)}/b/c`);
  assert.equal(answer.status, 414);
});

test('a request smuggled behind a body is not taken for the first', async () => {
  checkpoints = 0;
  const got = await askRaw(
    trust,
    served.server.port,
    `POST /checkpoint/default/counter/c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde${line}Connection: close\r\n\r\n`,
  );
  assert.deepEqual(got.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 401', 'HTTP/1.1 200']);
  assert.equal(checkpoints, 1);
});

test('TLS 1.1 is refused', async () => {
  const failure = await new Promise<Error>((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: served.server.port,
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
      rejectUnauthorized: false,
    });
    socket.on('error', resolve);
    socket.on('secureConnect', () => reject(new Error('connected')));
  });
  assert.match(failure.message, /protocol|alert/);
});

test('TLS is spoken as the configuration says', async (t) => {
  const app = createAppFor(node);
  const server = await listen(app, {
    ...{ address: '127.0.0.1', port: 0, tls: trust.server },
    tlsOptions: { minVersion: 'TLSv1.2', ciphers: 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384' },
  });
  t.after(() => server.close(100));
  const strict = await listen(app, {
    ...{ address: '127.0.0.1', port: 0, tls: trust.server },
    tlsOptions: { minVersion: 'TLSv1.3' },
  });
  t.after(() => strict.close(100));
  const spoken = (port: number, options: object) =>
    new Promise<string>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port, ca: trust.ca.certificate, ...options }, () => {
        resolve(`${socket.getProtocol()} ${socket.getCipher().name}`);
        socket.destroy();
      });
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  const old = { maxVersion: 'TLSv1.2' };
  assert.equal(await spoken(server.port, old), 'TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384');
  assert.match(
    await spoken(server.port, { ...old, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }),
    /^ERR_SSL|ECONN/,
  );
  assert.equal(await spoken(server.port, {}), 'TLSv1.3 TLS_AES_128_GCM_SHA256');
  assert.match(await spoken(strict.port, old), /^ERR_SSL/);
  assert.match(await spoken(strict.port, {}), /^TLSv1.3 /);
});

test('a client that sends drop by drop does not keep others out, and is cut off', async () => {
  const slow = connect({ host: '127.0.0.1', port: served.server.port, ca: trust.ca.certificate });
  slow.on('error', () => undefined);
  const cut = new Promise<string>((resolve) => {
    let got = '';
    slow.setEncoding('utf8');
    slow.on('data', (piece: string) => {
      got += piece;
    });
    slow.on('close', () => resolve(got));
  });
  slow.write('POST /checkpoint/default');
  const drip = setInterval(() => slow.write('x'), 500);
  const other = await ask(trust, served.server.port, '/livez', { method: 'GET' });
  assert.equal(other.status, 200);
  assert.match(await cut, /^HTTP\/1\.1 408 /);
  clearInterval(drip);
});
