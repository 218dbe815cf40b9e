import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One program that does the work: a name and its argument list. */
export interface Contestant {
  name: string;
  command: readonly string[];
  /** Exit statuses that are a success; a search that finds nothing says 1. Default: 0 alone. */
  good?: readonly number[];
}

export interface Measured {
  name: string;
  /** Median of the wall times, process start included, in milliseconds; undefined when it failed. */
  median: number | undefined;
  runs: number;
  /** User and system time of one run in milliseconds, to 10: what other work on the machine disturbs least. */
  processor: number;
  /** The most memory it held, in MiB. */
  resident: number;
  /** Why it could not be measured. */
  failure?: string;
}

const budget = 12_000;
const most = 15;

function once({ command, good = [0] }: Contestant): number | string {
  const [program = '', ...args] = command;
  const started = performance.now();
  const run = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const took = performance.now() - started;
  if (run.error) return run.error.message;
  if (run.status === null || !good.includes(run.status)) {
    return `exit ${run.status ?? run.signal}: ${run.stderr.toString().trim().split('\n').at(-1) ?? ''}`;
  }
  return took;
}

/** GNU time's account of one more run; outside the measured ones, as it starts a process itself. */
function account(command: readonly string[]): Pick<Measured, 'processor' | 'resident'> {
  const file = join(tmpdir(), `resident-${process.pid}`);
  spawnSync('time', ['--quiet', '--format=%M %U %S', `--output=${file}`, ...command], { stdio: 'ignore' });
  const [resident = 0, user = 0, system = 0] = readFileSync(file, 'utf8').trim().split(' ').map(Number);
  rmSync(file);
  return { resident: Math.round(resident / 1024), processor: Math.round((user + system) * 1000) };
}

/** The middle value; of an even number the lower middle. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}

/**
 * Runs the contestants in turns, so that whatever else the machine does meets all of them, until there are enough
 * runs or the time is up; at least three rounds, after one that warms the page cache.
 */
export function compare(contestants: readonly Contestant[]): Measured[] {
  const times = new Map<Contestant, number[]>();
  const failures = new Map<Contestant, string>();
  const run = (contestant: Contestant, counts: boolean): void => {
    if (failures.has(contestant)) return;
    const took = once(contestant);
    if (typeof took === 'string') failures.set(contestant, took);
    else if (counts) times.set(contestant, [...(times.get(contestant) ?? []), took]);
  };
  for (const contestant of contestants) run(contestant, false);
  const started = performance.now();
  for (let round = 0; round < most; round++) {
    if (round >= 3 && performance.now() - started > budget) break;
    for (const contestant of contestants) run(contestant, true);
  }
  return contestants.map((contestant) => {
    const { name, command } = contestant;
    const failure = failures.get(contestant);
    const all = times.get(contestant) ?? [];
    if (failure !== undefined) {
      return { name, median: undefined, runs: all.length, processor: 0, resident: 0, failure };
    }
    return { name, median: median(all), runs: all.length, ...account(command) };
  });
}
