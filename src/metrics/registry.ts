/** Labels of one time series, in the order in which they are printed. */
export type Labels = Readonly<Record<string, string>>;

interface Series {
  labels: Labels;
  value: number;
  /** Of a histogram: observations up to each bound, and all of them. */
  buckets: number[];
  count: number;
}

type Kind = 'counter' | 'gauge' | 'histogram';

/** Seconds; the bounds of the kubelet's histograms of runtime operations. */
export const operationBounds: readonly number[] = Array.from({ length: 14 }, (_, at) => 0.005 * 2.5 ** at);

/** Series of one metric beyond this number are dropped: labels may come from outside. */
const mostSeries = 1000;

/** One metric with its series. */
export class Metric {
  readonly name: string;
  readonly help: string;
  readonly kind: Kind;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Series>();

  constructor(name: string, kind: Kind, help: string, bounds: readonly number[] = []) {
    this.name = name;
    this.kind = kind;
    this.help = help;
    this.#bounds = bounds;
  }

  /** Adds to a counter or a gauge. */
  add(labels: Labels, amount = 1): void {
    const series = this.#find(labels);
    if (series) series.value += amount;
  }

  /** Takes a value into a histogram. */
  observe(labels: Labels, value: number): void {
    const series = this.#find(labels);
    if (!series) return;
    series.value += value;
    series.count += 1;
    this.#bounds.forEach((bound, at) => {
      if (value <= bound) series.buckets[at] = (series.buckets[at] ?? 0) + 1;
    });
  }

  /** In the text format of Prometheus. */
  *lines(): Generator<string> {
    yield `# HELP ${this.name} ${this.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`;
    yield `# TYPE ${this.name} ${this.kind}`;
    for (const { labels, value, buckets, count } of this.#series.values()) {
      if (this.kind !== 'histogram') {
        yield `${this.name}${printed(labels)} ${value}`;
        continue;
      }
      for (const [at, bound] of this.#bounds.entries()) {
        const le = String(Number(bound.toPrecision(12)));
        yield `${this.name}_bucket${printed({ ...labels, le })} ${buckets[at] ?? 0}`;
      }
      yield `${this.name}_bucket${printed({ ...labels, le: '+Inf' })} ${count}`;
      yield `${this.name}_sum${printed(labels)} ${value}`;
      yield `${this.name}_count${printed(labels)} ${count}`;
    }
  }

  #find(labels: Labels): Series | undefined {
    const key = JSON.stringify(Object.entries(labels));
    const known = this.#series.get(key);
    if (known || this.#series.size >= mostSeries) return known;
    const made: Series = { labels, value: 0, buckets: [], count: 0 };
    this.#series.set(key, made);
    return made;
  }
}

/** All metrics as a scraper reads them. */
export function exposition(metrics: Iterable<Metric>): string {
  return [...metrics].flatMap((metric) => [...metric.lines()].map((line) => `${line}\n`)).join('');
}

function printed(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const safe = value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
    return `${name}="${safe}"`;
  });
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
}
