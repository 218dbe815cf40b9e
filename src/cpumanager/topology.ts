import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CpuSet, parseCpuSet } from '../kubeletstate/cpuset.ts';

/** Where a CPU is. */
export interface CpuPlace {
  cpu: number;
  /** Cores of different sockets have different numbers. */
  core: string;
  socket: number;
}

/** The CPUs of this machine that are switched on; `root` is where `/sys` is. */
export async function cpuTopology(root = '/'): Promise<CpuPlace[]> {
  const base = join(root, 'sys/devices/system/cpu');
  const online = parseCpuSet((await readFile(join(base, 'online'), 'latin1')).trim());
  return Promise.all(
    online.map(async (cpu) => {
      const read = async (name: string) => {
        const text = await readFile(join(base, `cpu${cpu}/topology/${name}`), 'latin1').catch(() => '');
        const value = Number.parseInt(text, 10);
        return Number.isInteger(value) && value >= 0 ? value : undefined;
      };
      const socket = (await read('physical_package_id')) ?? 0;
      // A machine that does not say has one thread in each core.
      const core = (await read('core_id')) ?? cpu;
      return { cpu, core: `${socket}/${core}`, socket };
    }),
  );
}

/**
 * `count` CPUs of those that are free: whole sockets first, then whole cores, then threads of cores that are in use
 * already, each from the lowest number on. Undefined where there are not so many.
 * @param places of all CPUs of the machine
 * @param first those to be taken before any other
 */
export function chooseCpus(
  places: readonly CpuPlace[],
  free: CpuSet,
  count: number,
  first: CpuSet = [],
): CpuSet | undefined {
  const preferred = first.filter((cpu) => free.includes(cpu));
  if (preferred.length > 0) {
    const taken = preferred.slice(0, count);
    const rest = chooseCpus(
      places,
      free.filter((cpu) => !taken.includes(cpu)),
      count - taken.length,
    );
    return rest && [...taken, ...rest].sort((a, b) => a - b);
  }
  if (free.length < count) return undefined;
  const taken = new Set<number>();
  const left = () => count - taken.size;
  const groups = (by: (place: CpuPlace) => string | number) => {
    const all = new Map<string | number, number[]>();
    for (const place of places) all.set(by(place), [...(all.get(by(place)) ?? []), place.cpu]);
    return [...all.values()].filter((cpus) => cpus.every((cpu) => free.includes(cpu)));
  };
  for (const by of [(place: CpuPlace) => place.socket, (place: CpuPlace) => place.core]) {
    for (const cpus of groups(by)) {
      if (cpus.length <= left() && !cpus.some((cpu) => taken.has(cpu)))
        for (const cpu of cpus) taken.add(cpu);
    }
  }
  const whole = new Set(groups((place) => place.core).flat());
  const order = [...free].sort((a, b) => Number(whole.has(a)) - Number(whole.has(b)) || a - b);
  for (const cpu of order) if (left() > 0) taken.add(cpu);
  return [...taken].sort((a, b) => a - b);
}
