import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createApp } from '../../src/server/app.ts';
import type { AuditRecord } from '../../src/server/audit.ts';
import { listen, type RunningServer } from '../../src/server/https-server.ts';
import { RequestLimits } from '../../src/server/limits.ts';
import { ServerMetrics } from '../../src/server/server-metrics.ts';
import { until } from '../runtime.ts';
import { ask, makeTrust } from './harness.ts';

const trust = makeTrust();
const audit: AuditRecord[] = [];
/** What the signal of a request was aborted with. */
let reason: unknown;
let server: RunningServer;

before(async () => {
  const user = { name: 'u', uid: '', groups: [] };
  const app = createApp({
    nodeName: 'node',
    authenticate: async () => user,
    authorize: async () => true,
    limits: new RequestLimits(),
    metrics: new ServerMetrics(),
    audit: (record) => audit.push(record),
    digestOf: async () => '',
    routes(routes) {
      routes.get('/text', () => {
        throw 'a text, and no error';
      });
      routes.get('/wait', async (context) => {
        const signal = context.get('signal');
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        reason = signal.reason;
        throw reason;
      });
    },
  });
  const { certificate, key } = trust.server;
  server = await listen(app, { address: '127.0.0.1', port: 0, tls: { certificate, key } });
});
after(() => server.close(0));

test('whatever a handler throws leaves an audit line', async () => {
  const { status } = await ask(trust, server.port, '/text', { method: 'GET' });
  assert.equal(status, 500);
  const line = audit.find(({ path }) => path === '/text');
  assert.deepEqual([line?.status, line?.error], [500, 'a text, and no error']);
});

test('a request whose client goes ends with an error that says so, and leaves an audit line', async () => {
  const { request } = await import('node:https');
  const asked = request({
    ...{ host: '127.0.0.1', port: server.port, path: '/wait', ca: trust.ca.certificate, agent: false },
  });
  asked.on('error', () => undefined);
  asked.end();
  asked.once('finish', () => asked.destroy());
  const line = await until('the line', () => audit.find(({ path }) => path === '/wait'));
  assert.equal((reason as { code?: string }).code, 'cancelled');
  assert.deepEqual([line.status, line.error], [499, 'the client has gone']);
});
