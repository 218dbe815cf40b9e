/** Machines and pods for tests. */
import type { MemoryBlock } from '../kubeletstate/memory-manager.ts';
import type { NumaNode } from '../kubeletstate/node-facts.ts';
import type { Container, Pod } from '../pods/pod.ts';
import { freshMachine, type MemoryEntries } from './machine.ts';
import { MemoryManager } from './memory-manager.ts';
import { MemoryStateFile } from './memory-state-file.ts';
import { takeOverMemory } from './take-over.ts';

export const mebi = 1n << 20n;
/** Kept for the system on each node. */
export const systemMebi = 100n;

/** Nodes of 1000 MiB, of which 100 are huge pages. */
export function nodesOf(count: number): NumaNode[] {
  const memory = new Map([
    ['memory', 1000n * mebi],
    ['hugepages-2Mi', 100n * mebi],
  ]);
  return Array.from({ length: count }, (_, id) => ({ id, cpus: [id], memory }));
}

export interface Wanted {
  /** MiB. */
  memory: number;
  pages?: number;
}

export function podOf(uid: string, wanted: readonly Wanted[], init: readonly Wanted[] = []): Pod {
  const container = ({ memory, pages = 0 }: Wanted, name: string): Container => {
    const limits = { cpu: '500m', memory: `${memory}Mi` };
    return {
      ...{ name, image: 'i' },
      resources: { limits: pages > 0 ? { ...limits, 'hugepages-2Mi': `${pages}Mi` } : limits },
    };
  };
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: uid, namespace: 'd', uid } },
    spec: {
      containers: wanted.map((item, index) => container(item, `c${index}`)),
      initContainers: init.map((item, index) => container(item, `i${index}`)),
    },
  };
}

export type Fault = 'none' | 'before' | 'after';

/** A manager over a real file; a fault is the end of the process before or after the file is in place. */
export async function openManager(
  directory: string,
  nodes: readonly NumaNode[],
  fault: () => Fault = () => 'none',
) {
  const reserved = new Map(nodes.map(({ id }) => [id, new Map([['memory', systemMebi * mebi]])]));
  const fresh = freshMachine(nodes, reserved);
  const file = await MemoryStateFile.open(directory);
  const { state, explanations } = takeOverMemory(await file.read(() => {}), 'Static', fresh);
  const manager = new MemoryManager({
    ...{ fresh, entries: state.entries },
    async write(machine, entries) {
      const now = fault();
      if (now === 'before') throw new Error('killed');
      await file.write({ policy: 'Static', machine, entries });
      if (now === 'after') throw new Error('killed');
    },
  });
  return { manager, explanations, file };
}

/** `c0=0+1:memory:500` and so on, in MiB. */
export function had(entries: MemoryEntries, uid: string): string {
  const block = ({ NUMAAffinity, Type, Size }: MemoryBlock) =>
    `${NUMAAffinity?.join('+')}:${Type}:${Size / mebi}`;
  return [...(entries.get(uid) ?? [])]
    .map(([name, blocks]) => `${name}=${blocks.map(block).sort().join(',')}`)
    .sort()
    .join(' ');
}
