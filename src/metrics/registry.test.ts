import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exposition, Metric, operationBounds } from './registry.ts';

test('exposition prints counters, gauges and histograms as Prometheus reads them', () => {
  const total = new Metric('a_total', 'counter', 'How\noften');
  total.add({ path: 'x"y\\z\n' });
  total.add({ path: 'x"y\\z\n' }, 2);
  const now = new Metric('b', 'gauge', 'Now');
  now.add({}, 3);
  now.add({}, -1);
  const time = new Metric('c_seconds', 'histogram', 'Time', [0.1, 1]);
  time.observe({ t: 'q' }, 0.1);
  time.observe({ t: 'q' }, 0.5);
  time.observe({ t: 'q' }, 7);
  assert.equal(
    exposition([total, now, time]),
    `# HELP a_total How\\noften
# TYPE a_total counter
a_total{path="x\\"y\\\\z\\n"} 3
# HELP b Now
# TYPE b gauge
b 2
# HELP c_seconds Time
# TYPE c_seconds histogram
c_seconds_bucket{t="q",le="0.1"} 1
c_seconds_bucket{t="q",le="1"} 2
c_seconds_bucket{t="q",le="+Inf"} 3
c_seconds_sum{t="q"} 7.6
c_seconds_count{t="q"} 3
`,
  );
});

test('a metric keeps a bounded number of series', () => {
  const metric = new Metric('a', 'counter', 'A', operationBounds);
  for (let at = 0; at < 5000; at++) metric.add({ at: String(at) });
  assert.equal([...metric.lines()].length, 1002);
});
