/** Reads the text format of Prometheus as strictly as its own checker, `promtool check metrics`. */

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const metricName = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\n"])*"';
const samplePattern = new RegExp(`^(${metricName})(?:\\{((?:${label})(?:,${label})*)\\})? (\\S+)$`);

/** @throws Error naming the first line that is wrong */
export function parseMetrics(text: string): Sample[] {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const kinds = new Map<string, string>();
  const helped = new Set<string>();
  const closed = new Set<string>();
  const seen = new Set<string>();
  const samples: Sample[] = [];
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const fail = (what: string): never => {
      throw new Error(`${what}: ${line}`);
    };
    const [, word, metric = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (word !== undefined) {
      if (metric !== current) {
        if (closed.has(metric)) fail('metric in two places');
        closed.add(current);
        current = metric;
      }
      if (word === 'HELP') helped.add(metric);
      else if (!['counter', 'gauge', 'histogram'].includes(rest)) fail('unknown type');
      else kinds.set(metric, rest);
      continue;
    }
    const sample = sampleIn(line) ?? fail('no sample');
    const kind = kinds.get(current) ?? fail('sample without type');
    if (!helped.has(current)) fail('sample without help');
    const suffix = sample.name.slice(current.length);
    const suffixes = kind === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    if (!sample.name.startsWith(current) || !suffixes.includes(suffix)) fail(`not of ${current}`);
    if (kind === 'counter' && !current.endsWith('_total')) fail('counter without _total');
    if (kind !== 'gauge' && sample.value < 0) fail('negative');
    const identity = line.slice(0, line.lastIndexOf(' '));
    if (seen.has(identity)) fail('twice');
    seen.add(identity);
    samples.push(sample);
  }
  checkBuckets(samples);
  return samples;
}

function sampleIn(line: string): Sample | undefined {
  const found = samplePattern.exec(line);
  const value = Number(found?.[3]?.replace('+Inf', 'Infinity'));
  if (!found || Number.isNaN(value)) return undefined;
  const labels: Record<string, string> = {};
  for (const [, key = '', text = ''] of (found[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[key] = text;
  }
  return { name: found[1] ?? '', labels, value };
}

/** Each bucket holds those before it, the last is `+Inf` and counts all. */
function checkBuckets(samples: readonly Sample[]): void {
  const series = Map.groupBy(
    samples.filter(({ name: of }) => of.endsWith('_bucket')),
    ({ name: of, labels: { le: _le, ...rest } }) => `${of} ${JSON.stringify(rest)}`,
  );
  for (const [which, buckets] of series) {
    const bounds = buckets.map(({ labels }) => Number(labels['le']?.replace('+Inf', 'Infinity')));
    const rising = buckets.every(
      ({ value }, at) =>
        at === 0 || (value >= (buckets[at - 1]?.value ?? 0) && (bounds[at] ?? 0) > (bounds[at - 1] ?? 0)),
    );
    if (!rising || bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`buckets of ${which}`);
    const of = buckets[0]?.name ?? '';
    const { le: _le, ...rest } = buckets[0]?.labels ?? ({} as Sample['labels']);
    const count = samples.find(
      (one) =>
        one.name === of.replace(/_bucket$/, '_count') && JSON.stringify(one.labels) === JSON.stringify(rest),
    );
    if (count?.value !== buckets.at(-1)?.value) throw new Error(`count of ${which}`);
  }
}
