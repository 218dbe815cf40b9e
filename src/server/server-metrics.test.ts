import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMetrics } from '../../test/server/metrics-text.ts';
import { CodedError } from '../errors/coded-error.ts';
import { ServerMetrics } from './server-metrics.ts';

function sampleValue(
  metrics: ServerMetrics,
  name: string,
  labels: Record<string, string>,
): number | undefined {
  const wanted = JSON.stringify(labels);
  return parseMetrics(metrics.text()).find(
    (sample) => sample.name === name && JSON.stringify(sample.labels) === wanted,
  )?.value;
}

test('ServerMetrics tells what checkpoints took, and why they failed, in a text that Prometheus reads', async () => {
  const metrics = new ServerMetrics(async (archive) => (archive === '/dumb.tar' ? 2_000_000 : undefined));
  metrics.request('GET', '/apis/stasis/v1/\\"evil"\n{}=')();
  metrics.request('BREW\n', '/livez')();
  const container = { kind: 'container' };
  await metrics.checkpoint('container', async () => {
    assert.equal(sampleValue(metrics, 'stasis_checkpoints_in_flight', container), 1);
    return { path: '/x.tar', size: 5 << 20, frozenMicroseconds: 30_000 };
  });
  await metrics.checkpoint('container', async () => ({ path: '/dumb.tar', size: 1 }));
  const full = new CodedError('resource-exhausted', 'disk');
  const failing = metrics.checkpoint('pod', async () => Promise.reject(full));
  await assert.rejects(failing, full);
  await assert.rejects(
    metrics.checkpoint('pod', async () => Promise.reject(new Error('?'))),
    /\?/,
  );
  await new Promise((done) => setImmediate(done));
  const value = (name: string, labels: Record<string, string>) => sampleValue(metrics, name, labels);
  assert.equal(value('stasis_checkpoints_in_flight', container), 0);
  assert.equal(value('stasis_checkpoint_duration_seconds_count', container), 2);
  assert.equal(value('stasis_checkpoint_frozen_seconds_sum', container), 2.03);
  assert.equal(value('stasis_checkpoint_size_bytes_bucket', { ...container, le: '4194304' }), 1);
  assert.equal(value('stasis_checkpoint_size_bytes_bucket', { ...container, le: '16777216' }), 2);
  assert.equal(value('stasis_checkpoint_failures_total', { kind: 'pod', reason: 'resource-exhausted' }), 1);
  assert.equal(value('stasis_checkpoint_failures_total', { kind: 'pod', reason: 'internal' }), 1);
  assert.equal(value('kubelet_runtime_operations_errors_total', { operation_type: 'checkpoint_pod' }), 2);
});

test('parseMetrics refuses what Prometheus would', () => {
  const head = '# HELP a_total x\n# TYPE a_total counter\n';
  const wrong = [
    `${head}a_total 1`,
    'a_total 1\n',
    `${head}a_total{x="a"b"} 1\n`,
    `${head}a_total{x="1"} 1\na_total{x="1"} 1\n`,
    `${head}a_total -1\n`,
    `${head}a_total one\n`,
    `${head}b_total 1\n`,
    '# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
  ];
  for (const text of wrong) assert.throws(() => parseMetrics(text), Error, text);
});
