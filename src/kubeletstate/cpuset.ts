import { quoted } from '../checkpointmanager/errors.ts';
import { type GoType, int, map, struct } from '../checkpointmanager/go-type.ts';
import { CodedError } from '../errors/coded-error.ts';

/** CPU numbers, ascending, each once. */
export type CpuSet = readonly number[];

/** More CPUs than any kernel can be built for; a bound, because a list like `0-4294967295` is short. */
const mostCpus = 65_536;

/**
 * Reads Linux' list format (`0-3,8`; empty for none).
 * @throws CodedError `corrupt` with the words of the kubelet's parser.
 */
export function parseCpuSet(text: string): CpuSet {
  if (text === '') return [];
  const found = new Set<number>();
  for (const range of text.split(',')) {
    const dash = range.indexOf('-');
    const first = integer(dash < 0 ? range : range.slice(0, dash));
    const last = dash < 0 ? first : integer(range.slice(dash + 1));
    if (first > last) throw corrupt(`invalid range ${quoted(range)} (${first} > ${last})`);
    if (last - first >= mostCpus || found.size >= mostCpus) {
      throw corrupt(`${quoted(range)} names more than ${mostCpus} CPUs`);
    }
    for (let cpu = first; cpu <= last; cpu++) found.add(cpu);
  }
  return [...found].sort((a, b) => a - b);
}

/** As the kubelet writes it: runs as ranges, no spaces. */
export function formatCpuSet(cpus: Iterable<number>): string {
  const sorted = [...new Set(cpus)].sort((a, b) => a - b);
  const ranges: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    let end = i;
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end++;
    ranges.push(end === i ? `${sorted[i]}` : `${sorted[i]}-${sorted[end]}`);
    i = end + 1;
  }
  return ranges.join(',');
}

export function union(a: CpuSet, b: CpuSet): CpuSet {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}

export function intersection(a: CpuSet, b: CpuSet): CpuSet {
  const other = new Set(b);
  return a.filter((cpu) => other.has(cpu));
}

export function difference(a: CpuSet, b: CpuSet): CpuSet {
  const other = new Set(b);
  return a.filter((cpu) => !other.has(cpu));
}

export interface GoCpuSet {
  elems: Map<bigint, Record<string, never>> | null;
}

/** Go's `cpuset.CPUSet`, printed as the map that it is. It has no JSON of its own. */
export const cpuSetType: GoType<GoCpuSet> = struct('cpuset.CPUSet', {
  elems: map(int, struct('struct {}', {})),
}) as GoType<GoCpuSet>;

export function cpusOf(set: GoCpuSet): CpuSet {
  return [...(set.elems?.keys() ?? [])].map(Number).sort((a, b) => a - b);
}

export function goCpuSet(cpus: CpuSet): GoCpuSet {
  return { elems: new Map(cpus.map((cpu) => [BigInt(cpu), {}])) };
}

function integer(text: string): number {
  if (!/^[-+]?[0-9]+$/.test(text)) throw corrupt(`strconv.Atoi: parsing ${quoted(text)}: invalid syntax`);
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw corrupt(`strconv.Atoi: parsing ${quoted(text)}: value out of range`);
}

function corrupt(message: string): CodedError {
  return new CodedError('corrupt', message);
}
