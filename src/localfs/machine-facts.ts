import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseCpuSet } from '../kubeletstate/cpuset.ts';
import type { NodeFacts, NumaNode } from '../kubeletstate/node-facts.ts';

/** CPUs, NUMA nodes and boot of this machine; `root` is where `/sys` and `/proc` are. */
export async function machineFacts(root = '/'): Promise<NodeFacts> {
  const online = await text(join(root, 'sys/devices/system/cpu/online'));
  const boot = await text(join(root, 'proc/sys/kernel/random/boot_id'));
  const btime = /^btime ([0-9]+)$/m.exec((await text(join(root, 'proc/stat'))) ?? '')?.[1];
  const nodes = await numaNodes(join(root, 'sys/devices/system/node'));
  return {
    ...(online ? { onlineCpus: parseCpuSet(online) } : {}),
    ...(nodes.length > 0 ? { numaNodes: nodes } : {}),
    ...(boot ? { bootId: boot } : {}),
    ...(btime ? { bootTime: Number(btime) * 1000 } : {}),
  };
}

async function numaNodes(path: string): Promise<NumaNode[]> {
  const names = await readdir(path).catch(() => [] as string[]);
  const nodes: NumaNode[] = [];
  for (const name of names) {
    const id = /^node([0-9]+)$/.exec(name)?.[1];
    if (id === undefined) continue;
    const memory = new Map<string, bigint>();
    const total = /MemTotal:\s+([0-9]+) kB/.exec((await text(join(path, name, 'meminfo'))) ?? '')?.[1];
    if (total) memory.set('memory', BigInt(total) * 1024n);
    for (const [resource, bytes] of await hugePages(join(path, name, 'hugepages')))
      memory.set(resource, bytes);
    const cpus = parseCpuSet((await text(join(path, name, 'cpulist'))) ?? '');
    nodes.push({ id: Number(id), cpus, memory });
  }
  return nodes.sort((a, b) => a.id - b.id);
}

/** `hugepages-2048kB` holds how many there are; Kubernetes calls the resource `hugepages-2Mi`. */
async function hugePages(path: string): Promise<[string, bigint][]> {
  const found: [string, bigint][] = [];
  for (const name of await readdir(path).catch(() => [] as string[])) {
    const size = /^hugepages-([0-9]+)kB$/.exec(name)?.[1];
    if (size === undefined) continue;
    const count = (await text(join(path, name, 'nr_hugepages'))) ?? '0';
    found.push([`hugepages-${binary(BigInt(size))}`, BigInt(size) * 1024n * BigInt(count)]);
  }
  return found;
}

function binary(kib: bigint): string {
  if (kib % (1n << 20n) === 0n) return `${kib >> 20n}Gi`;
  return kib % 1024n === 0n ? `${kib >> 10n}Mi` : `${kib}Ki`;
}

async function text(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return undefined;
  }
}
