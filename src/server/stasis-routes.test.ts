import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointNames, endpointOf } from '../api/endpoints.ts';
import { openApiDocument } from '../api/openapi.ts';
import { schemas } from '../api/schemas.ts';
import { CheckpointOperations } from '../pods/checkpoint-operations.ts';
import type { NodeControl } from '../pods/node-control.ts';
import { createApp } from './app.ts';
import { RequestLimits } from './limits.ts';
import { ServerMetrics } from './server-metrics.ts';
import { addStasisRoutes } from './stasis-routes.ts';
import type { Streams } from './streams.ts';

const stopping = new AbortController().signal;

function routes(): string[] {
  const limits = new RequestLimits();
  const metrics = new ServerMetrics();
  const digestOf = async () => '';
  const app = createApp({
    ...{ nodeName: 'n', limits, metrics, digestOf, audit: () => undefined },
    authenticate: async () => undefined,
    authorize: async () => false,
    routes: (added) =>
      addStasisRoutes(added, {
        ...{ limits, metrics, digestOf, stopping, version: '1' },
        // Nothing is asked of these.
        node: {} as NodeControl,
        streams: {} as Streams,
        operations: new CheckpointOperations(stopping),
      }),
  });
  return app.routes.flatMap(({ method, path }) =>
    method === 'ALL' ? [] : [`${method} ${path.replace(/:(\w+)/g, '{$1}')}`],
  );
}

/** Answered by the application before its routes: to anyone, and in the kubelet's own order of checks. */
const before = ['GET /livez', 'POST /checkpoint/{namespace}/{pod}/{container}'];

function documented(): string[] {
  const paths = openApiDocument('1')['paths'] as Record<string, Record<string, unknown>>;
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
}

test('every route is in the OpenAPI document, and every operation of the document has a route', () => {
  const all = [...routes(), ...before];
  assert.equal(new Set(all).size, all.length, 'no route twice');
  assert.deepEqual(documented().sort(), all.sort());
  assert.equal(all.length, endpointNames.length);
});

test('no two endpoints can be taken for each other', () => {
  const shapes = endpointNames.map((name) => {
    const { method, path } = endpointOf(name);
    return `${method} ${path.replace(/\{\w+\}/g, '*')}`;
  });
  assert.equal(new Set(shapes).size, shapes.length);
});

test('the OpenAPI document has a schema for each reference, and uses each schema', () => {
  const text = JSON.stringify(openApiDocument('1'));
  const used = new Set([...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name));
  // Lines of answers that are no JSON document as a whole.
  const inLines = ['SearchHit', 'SearchEnd'];
  assert.deepEqual([...used, ...inLines].sort(), Object.keys(schemas).sort());
});
