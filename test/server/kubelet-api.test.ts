import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { bodies } from '../../src/api/kubelet-checkpoint.ts';
import { CodedError } from '../../src/errors/coded-error.ts';
import type { Checkpointer } from '../../src/pods/checkpointer.ts';
import { RequestLimits } from '../../src/server/limits.ts';
import { type Ask, ask, askRaw, makeTrust, type Served, serve } from './harness.ts';

const trust = makeTrust();
const archive = '/var/lib/kubelet/checkpoints/checkpoint-counter_default-c-2026-11-21T01:21:08Z.tar';
const asked: { container: string; timeout: bigint }[] = [];

/** The node of the recorded conversation: one pod `counter` with a container `c`, and more that fail. */
const node: Checkpointer = {
  containersOf: async (namespace, pod) =>
    namespace === 'default' && pod === 'counter' ? ['c', 'init', 'broken', 'slow'] : undefined,
  async checkpoint({ container }, timeout, signal) {
    asked.push({ container, timeout });
    if (container === 'init') throw new CodedError('failed-precondition', bodies.notRunning(container));
    if (timeout < 0n) throw new CodedError('invalid-argument', bodies.negativeTimeout);
    if (container === 'broken')
      throw new Error('rpc error: code = Unknown desc = criu failed: type DUMP errno 95');
    if (container === 'slow') {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    }
    return { path: archive };
  },
};

let served: Served;
let broken: Served;
before(async () => {
  served = await serve(trust, node);
  broken = await serve(trust, node, async () => {
    throw new Error('webhook gone');
  });
});
after(async () => {
  await served.server.close(100);
  await broken.server.close(100);
});

const good = { headers: { authorization: 'Bearer good-token' } };
const path = '/checkpoint/default/counter/c';
const negative = `checkpointing of default/counter/c failed (${bodies.negativeTimeout})`;

/** Every status and body that the kubelet has for this API, in the order of its checks. */
const table: readonly [what: string, path: string, ask: Ask, status: number, body: string][] = [
  ['no credentials', path, {}, 401, 'Unauthorized'],
  ['bad token', path, { headers: { authorization: 'Bearer nope' } }, 401, 'Unauthorized'],
  ['basic auth', path, { headers: { authorization: 'Basic YTpi' } }, 401, 'Unauthorized'],
  ['bearer without token', path, { headers: { authorization: 'Bearer ' } }, 401, 'Unauthorized'],
  ['certificate of another authority', path, { as: trust.stranger }, 401, 'Unauthorized'],
  ['expired certificate', path, { as: trust.expired }, 401, 'Unauthorized'],
  ['certificate for servers', path, { as: trust.wrongUse }, 401, 'Unauthorized'],
  ['no credentials, wrong path', '/checkpoint/a', { method: 'GET' }, 401, 'Unauthorized'],
  ['no credentials, unknown path', '/nothing', { method: 'GET' }, 401, 'Unauthorized'],
  [
    'token without rights',
    path,
    { headers: { authorization: 'Bearer eve-token' } },
    403,
    'Forbidden (user=system:serviceaccount:default:eve, verb=create, resource=nodes, subresource(s)=[checkpoint])\n',
  ],
  [
    'certificate with the wrong verb',
    path,
    { as: trust.viewer },
    403,
    'Forbidden (user=viewer, verb=create, resource=nodes, subresource(s)=[checkpoint])\n',
  ],
  ['forbidden before the path is looked at', '/checkpoint', { as: trust.viewer }, 403, ''],
  ['allowed verb, GET', path, { as: trust.viewer, method: 'GET' }, 405, '405: Method Not Allowed'],
  ['GET', path, { ...good, method: 'GET' }, 405, '405: Method Not Allowed'],
  ['PUT', path, { ...good, method: 'PUT' }, 405, '405: Method Not Allowed'],
  ['DELETE', path, { ...good, method: 'DELETE' }, 405, '405: Method Not Allowed'],
  ['OPTIONS', path, { ...good, method: 'OPTIONS' }, 405, '405: Method Not Allowed'],
  ['HEAD', path, { ...good, method: 'HEAD' }, 405, ''],
  ['no segment', '/checkpoint', good, 404, '404: Page Not Found'],
  ['two segments', '/checkpoint/default/counter', good, 404, '404: Page Not Found'],
  ['four segments', `${path}/more`, good, 404, '404: Page Not Found'],
  ['an encoded slash makes a segment', '/checkpoint/default/coun%2Fter/c', good, 404, '404: Page Not Found'],
  ['empty segment', '/checkpoint/default//c', good, 404, '404: Page Not Found'],
  ['wrong path before wrong method', '/checkpoint/x', { ...good, method: 'GET' }, 404, '404: Page Not Found'],
  [
    'Accept: text/plain',
    path,
    { headers: { ...good.headers, accept: 'text/plain' } },
    406,
    '406: Not Acceptable\n\nAvailable representations: application/json',
  ],
  [
    'Accept: application/*',
    path,
    { headers: { ...good.headers, accept: 'application/*' } },
    406,
    '406: Not Acceptable\n\nAvailable representations: application/json',
  ],
  [
    'not acceptable before unknown pod',
    '/checkpoint/default/nope/c',
    { headers: { ...good.headers, accept: 'text/html' } },
    406,
    '406: Not Acceptable\n\nAvailable representations: application/json',
  ],
  ['unknown pod', '/checkpoint/default/nope/c', good, 404, 'pod does not exist'],
  ['unknown namespace', '/checkpoint/other/counter/c', good, 404, 'pod does not exist'],
  ['pod before container and timeout', '/checkpoint/x/y/z?timeout=abc', good, 404, 'pod does not exist'],
  ['dots for a pod', '/checkpoint/default/%2E%2E/c', good, 404, 'pod does not exist'],
  ['name in another case', '/checkpoint/default/Counter/c', good, 404, 'pod does not exist'],
  ['unknown container', '/checkpoint/default/counter/nope', good, 404, 'container nope does not exist'],
  [
    'container before timeout',
    '/checkpoint/default/counter/nope?timeout=x',
    good,
    404,
    'container nope does not exist',
  ],
  ['NUL in the container', '/checkpoint/default/counter/c%00', good, 404, 'container c\0 does not exist'],
  ...[
    '',
    '=',
    '=abc',
    '=1s',
    '=1.5',
    '=0x10',
    '=%201',
    '=+1',
    '=1_0',
    '=9223372036854775808',
    '=-9223372036854775809',
  ].map((text): [string, string, Ask, number, string] => [
    `timeout${text}`,
    `${path}?timeout${text}`,
    good,
    404,
    'cannot parse value of timeout parameter',
  ]),
  [
    'last timeout counts, bad',
    `${path}?timeout=1&timeout=x`,
    good,
    404,
    'cannot parse value of timeout parameter',
  ],
  ['timeout=-3', `${path}?timeout=-3`, good, 500, negative],
  [
    'not running comes before a negative timeout',
    '/checkpoint/default/counter/init?timeout=-3',
    good,
    500,
    'checkpointing of default/counter/init failed (container init not found)',
  ],
  [
    'runtime error',
    '/checkpoint/default/counter/broken',
    good,
    500,
    'checkpointing of default/counter/broken failed (rpc error: code = Unknown desc = criu failed: type DUMP errno 95)',
  ],
  ['unknown path', '/nothing', { ...good, method: 'GET' }, 404, '404 page not found\n'],
  [
    'prefix of the name is not the path',
    '/checkpoints',
    { ...good, method: 'GET' },
    404,
    '404 page not found\n',
  ],
  ['not decodable', '/checkpoint/%zz/a/b', good, 400, '400 Bad Request'],
  ['healthz', '/healthz', { ...good, method: 'GET' }, 200, 'ok'],
  ['healthz without credentials', '/healthz', { method: 'GET' }, 401, 'Unauthorized'],
  ['livez without credentials', '/livez', { method: 'GET' }, 200, 'ok'],
  ['livez is not a way in', '/livez/../checkpoint/default/counter/c', {}, 401, 'Unauthorized'],
  ['POST livez', '/livez', {}, 401, 'Unauthorized'],
];

for (const [what, target, options, status, body] of table) {
  test(`kubelet API answers: ${what}`, async () => {
    const answer = await ask(trust, served.server.port, target, options);
    assert.equal(answer.status, status);
    if (body !== '' || options.method === 'HEAD') assert.equal(answer.body, body);
    assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(answer.headers['connection'], 'close');
    assert.equal(answer.headers['allow'], status === 405 ? 'POST' : undefined);
  });
}

const accepted: readonly [what: string, query: string, timeout: bigint][] = [
  ['none', '', 0n],
  ['zero', '?timeout=0', 0n],
  ['plus sign, encoded', '?timeout=%2B1', 1n],
  ['largest', '?timeout=9223372036854775807', 9223372036854775807n],
  ['leading zeros', '?timeout=007', 7n],
  ['another case is another key', '?Timeout=abc', 0n],
  ['last of several', '?timeout=x&timeout=5', 5n],
  ['pair with a semicolon is dropped', '?timeout=4;x', 0n],
];
for (const [what, query, timeout] of accepted) {
  test(`kubelet API takes a timeout: ${what}`, async () => {
    asked.length = 0;
    const answer = await ask(trust, served.server.port, `${path}${query}`, { as: trust.admin });
    assert.equal(answer.status, 200);
    assert.equal(answer.body, `{"items":["${archive}"]}`);
    assert.deepEqual(asked, [{ container: 'c', timeout }]);
  });
}

test('kubelet API answers as the recorded kubelet did, headers and bodies', async () => {
  const file = resolve(import.meta.dirname, '../../fixtures/kubelet-api/1.36.2.txt');
  const eve = { headers: { authorization: 'Bearer eve-token' } };
  const requests: Record<string, [string, Ask]> = {
    'no credentials': [path, {}],
    'client cert, ok': [path, { as: trust.admin }],
    'unknown container': ['/checkpoint/default/counter/nope', good],
    'unknown pod': ['/checkpoint/default/nope/c', good],
    GET: [path, { ...good, method: 'GET' }],
    'timeout=-3': [`${path}?timeout=-3`, good],
    'timeout=abc': [`${path}?timeout=abc`, good],
    'timeout=0': [`${path}?timeout=0`, good],
    'missing container segment': ['/checkpoint/default/counter', good],
    'token without rights': [path, eve],
    'bad token': [path, { headers: { authorization: 'Bearer nope' } }],
    'healthz via main port': ['/healthz', { ...good, method: 'GET' }],
  };
  const recorded = readFileSync(file, 'utf8').split(/^### /m).slice(1);
  assert.equal(recorded.length, Object.keys(requests).length);
  for (const entry of recorded) {
    const [title = '', status = '', ...lines] = entry.split(/\r?\n/);
    const [target, options] = requests[title] ?? assert.fail(`no request for ${title}`);
    const answer = await ask(trust, served.server.port, target, options);
    const blank = lines.indexOf('');
    assert.equal(answer.status, Number(status.split(' ')[1]), title);
    const body = answer.body.trimEnd();
    assert.equal(
      body,
      lines
        .slice(blank + 1)
        .join('\n')
        .trimEnd()
        .replace(/01:21:09/, '01:21:08'),
      title,
    );
    // The date differs, and our client asks for the connection to be closed.
    const comparable = ({ date: _date, connection: _connection, ...rest }: Record<string, string>) => rest;
    const wanted = lines.slice(0, blank).map((line) => line.split(': ') as [string, string]);
    const named = Object.fromEntries(wanted.map(([name, value]) => [name.toLowerCase(), value]));
    // The recording has one archive name shortened after its length was sent.
    if (title.includes('ok') || title === 'timeout=0') named['content-length'] = String(answer.body.length);
    assert.deepEqual(comparable(answer.headers), comparable(named), title);
  }
});

test('kubelet API answers 500 where the authorizer fails', async () => {
  const answer = await ask(trust, broken.server.port, path, good);
  assert.equal(answer.status, 500);
  assert.equal(
    answer.body,
    'Authorization error (user=alice, verb=create, resource=nodes, subresource=checkpoint)',
  );
});

test('a server keeps a connection open without saying so, as the kubelet does', async () => {
  const got = await askRaw(
    trust,
    served.server.port,
    'GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  );
  assert.equal(got.match(/HTTP\/1\.1 200 OK/g)?.length, 2);
  assert.doesNotMatch(got.split('\r\n\r\n')[0] ?? '', /keep-alive/i);
});

test('audit has one line for each request: who, what, decision, archive', async () => {
  served.audit.length = 0;
  await ask(trust, served.server.port, path, { as: trust.admin });
  await ask(trust, served.server.port, path, { as: trust.viewer });
  await ask(trust, served.server.port, path, { headers: { authorization: 'Bearer secret' } });
  const [allowed, forbidden, unknown] = served.audit;
  assert.equal(served.audit.length, 3);
  assert.deepEqual(
    { ...allowed, milliseconds: 0 },
    {
      user: 'admin',
      groups: ['system:masters', 'second', 'system:authenticated'],
      from: '127.0.0.1',
      method: 'POST',
      path,
      verb: 'create',
      resource: 'nodes/checkpoint',
      decision: 'allow',
      status: 200,
      milliseconds: 0,
      archive,
      digest: 'sha256:00',
    },
  );
  assert.equal(forbidden?.decision, 'forbid');
  assert.equal(unknown?.decision, 'unauthenticated');
  assert.doesNotMatch(JSON.stringify(served.audit), /secret/);
});

test('one user may not have more checkpoints in flight than the limit', async () => {
  const limits = new RequestLimits({ user: 1, node: 5 });
  const { server } = await serve(trust, node, async () => true, limits);
  const slow = ask(trust, server.port, '/checkpoint/default/counter/slow', good).catch(() => undefined);
  while (limits.inFlight === 0) await new Promise((done) => setTimeout(done, 5));
  const second = await ask(trust, server.port, path, good);
  assert.equal(second.status, 429);
  assert.equal(second.headers['retry-after'], '1');
  const other = await ask(trust, server.port, path, { as: trust.viewer });
  assert.equal(other.status, 200);
  await server.close(10);
  await slow;
  while (limits.inFlight > 0) await new Promise((done) => setTimeout(done, 5));
});

test("metrics have the kubelet's names, for those who may see them", async () => {
  const { server } = await serve(trust, node);
  await ask(trust, server.port, path, good);
  await ask(trust, server.port, '/checkpoint/default/counter/broken', good);
  await ask(trust, server.port, '/any/thing', { ...good, method: 'GET' });
  assert.equal((await ask(trust, server.port, '/metrics', { as: trust.viewer, method: 'GET' })).status, 403);
  const { body, headers } = await ask(trust, server.port, '/metrics', { ...good, method: 'GET' });
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  for (const line of [
    'kubelet_http_requests_total{long_running="false",method="POST",path="checkpoint",server_type="readwrite"} 2',
    'kubelet_http_requests_total{long_running="false",method="GET",path="Invalid path",server_type="readwrite"} 1',
    'kubelet_runtime_operations_total{operation_type="checkpoint_container"} 2',
    'kubelet_runtime_operations_errors_total{operation_type="checkpoint_container"} 1',
    'kubelet_runtime_operations_duration_seconds_count{operation_type="checkpoint_container"} 2',
    'stasis_checkpoints_in_flight{kind="container"} 0',
  ]) {
    assert.ok(body.includes(`${line}\n`), `${line}\n${body}`);
  }
  await server.close(100);
});
