import { CodedError } from '../errors/coded-error.ts';
import type { MemoryBlock, MemoryTable, NumaNodeState } from '../kubeletstate/memory-manager.ts';
import type { NumaNode } from '../kubeletstate/node-facts.ts';

/** NUMA node → bytes by resource name, `memory` or `hugepages-1Gi`. */
export type ReservedMemory = ReadonlyMap<number, ReadonlyMap<string, bigint>>;
/** What each NUMA node has, and how much of it is given; as the kubelet's file describes it. */
export type Machine = ReadonlyMap<bigint, NumaNodeState>;
/** Pod uid → container → what it has. */
export type MemoryEntries = ReadonlyMap<string, ReadonlyMap<string, readonly MemoryBlock[]>>;

/**
 * A machine of which nothing is given. What huge pages have is not in `memory` any more.
 * @throws CodedError where more is reserved for the system than there is
 */
export function freshMachine(nodes: readonly NumaNode[], reserved: ReservedMemory): Machine {
  return new Map(
    nodes.map(({ id, memory }) => {
      const table = (resource: string, taken: bigint): [string, MemoryTable] => {
        const total = memory.get(resource) ?? 0n;
        const system = reserved.get(id)?.get(resource) ?? 0n;
        const allocatable = total - system - taken;
        if (allocatable < 0n) {
          throw new CodedError(
            'invalid-argument',
            `${system} bytes of ${resource} are reserved on NUMA node ${id}, which has ${total - taken}`,
          );
        }
        const size = { TotalMemSize: total, SystemReserved: system, Allocatable: allocatable };
        return [resource, { ...size, Reserved: 0n, Free: allocatable }];
      };
      const pages = [...memory.keys()].filter((resource) => resource !== 'memory');
      const inPages = pages.reduce((sum, resource) => sum + (memory.get(resource) ?? 0n), 0n);
      const tables = new Map(pages.map((resource) => table(resource, 0n)));
      tables.set(...table('memory', inPages));
      const cell = BigInt(id);
      return [cell, { NumberOfAssignments: 0n, MemoryMap: tables, Cells: [cell] }];
    }),
  );
}

/**
 * The machine with one more block given, node after node as the kubelet does it.
 * @returns what is wrong with the block, in the kubelet's words where it has some; then nothing is given
 */
export function place(machine: Machine, block: MemoryBlock): Machine | string {
  const cells = block.NUMAAffinity ?? [];
  const nodes = cells.map((cell) => [cell, machine.get(cell)] as const);
  if (cells.length === 0 || nodes.some(([, node]) => !node))
    return 'the memory assignment uses the NUMA that does not exist';
  if (nodes.some(([, node]) => !node?.MemoryMap?.get(block.Type)))
    return 'the memory assignment uses memory resource that does not exist';
  if (!mayServe(machine, cells))
    return `NUMA nodes ${cells.join(', ')} are in other groups by what is given of them already`;
  if (block.Size > free(machine, cells, block.Type))
    return `${block.Size} bytes of ${block.Type} are not free on NUMA nodes ${cells.join(', ')}`;
  const changed = new Map(machine);
  let left = block.Size;
  for (const [cell, node] of nodes) {
    const tables = new Map(node?.MemoryMap);
    const table = tables.get(block.Type);
    if (!node || !table) continue;
    let share = table.Free;
    if (left < share) share = left;
    left -= share;
    tables.set(block.Type, { ...table, Reserved: table.Reserved + share, Free: table.Free - share });
    const NumberOfAssignments = node.NumberOfAssignments + 1n;
    changed.set(cell, { NumberOfAssignments, MemoryMap: tables, Cells: [...cells] });
  }
  return changed;
}

/** The machine with everything given that containers have. @throws CodedError where that cannot be */
export function placeAll(fresh: Machine, entries: MemoryEntries): Machine {
  let machine = fresh;
  for (const containers of entries.values()) {
    for (const block of [...containers.values()].flat()) {
      const next = place(machine, block);
      if (typeof next === 'string') throw new CodedError('internal', `giving memory: ${next}`);
      machine = next;
    }
  }
  return machine;
}

/** Free bytes of a resource on some nodes together. */
export function free(machine: Machine, cells: readonly bigint[], resource: string): bigint {
  return cells.reduce((sum, cell) => sum + (machine.get(cell)?.MemoryMap?.get(resource)?.Free ?? 0n), 0n);
}

/**
 * Whether these nodes may serve a container together: a node gives memory either alone or in one group, never in two
 * ways at the same time.
 */
export function mayServe(machine: Machine, cells: readonly bigint[]): boolean {
  return cells.every((cell) => {
    const node = machine.get(cell);
    if (!node) return false;
    return node.NumberOfAssignments === 0n || sameCells(node.Cells ?? [], cells);
  });
}

export function sameCells(a: readonly bigint[], b: readonly bigint[]): boolean {
  return a.length === b.length && a.every((cell) => b.includes(cell));
}
