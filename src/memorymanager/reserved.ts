import { CodedError } from '../errors/coded-error.ts';
import type { NumaNode } from '../kubeletstate/node-facts.ts';
import { isMemoryResourceName } from '../kubeletstate/resource-name.ts';
import type { ReservedMemory } from './machine.ts';

/** What a KubeletConfiguration says of memory for the system, in bytes. */
export interface Reservations {
  /** `reservedMemory`, an item for each member of each `limits`. */
  listed: readonly { node: number; resource: string; size: bigint }[];
  /** `kubeReserved` and `systemReserved` together, by resource. */
  node: ReadonlyMap<string, bigint>;
  /** `memory.available` of `evictionHard`: bytes, or a part of the machine's memory. */
  eviction: bigint | { part: number };
}

/** The machine that is reserved of. */
export interface WholeMemory {
  nodes: readonly NumaNode[];
  /** Bytes, as `/proc/meminfo` counts them. */
  total: number;
}

/**
 * What each NUMA node keeps for the system, checked as the kubelet checks it.
 * @param machine without it everything is checked that needs no machine
 * @throws CodedError in the kubelet's words
 */
export function reservedMemory(reservations: Reservations, machine?: WholeMemory): ReservedMemory {
  const result = new Map<number, Map<string, bigint>>();
  const sums = new Map<string, bigint>();
  for (const { node, resource, size } of reservations.listed) {
    const problem = problemOf(result, node, resource, size);
    if (problem) throw wrong(`invalid configuration: ${problem}`);
    if (machine && !machine.nodes.some(({ id }) => id === node)) {
      throw wrong(
        `the reserved memory configuration references a NUMA node ${node} that does not exist on this machine`,
      );
    }
    result.set(node, new Map([...(result.get(node) ?? []), [resource, size]]));
    sums.set(resource, (sums.get(resource) ?? 0n) + size);
  }
  checkSums(sums, reservations, machine);
  if (!sums.has('memory')) throw wrong('[memorymanager] you should specify the system reserved memory');
  return result;
}

function problemOf(before: ReservedMemory, node: number, resource: string, size: bigint): string | undefined {
  if (!isMemoryResourceName(resource)) {
    return `the limit type "${resource}" for NUMA node ${node} is not supported, only [memory hugepages-<HugePageSize>] is accepted`;
  }
  if (size === 0n) return `reserved memory may not be zero for NUMA node ${node} and resource "${resource}"`;
  if (!before.get(node)?.has(resource)) return undefined;
  return `the reserved memory has a duplicate value for NUMA node ${node} and resource "${resource}"`;
}

function checkSums(
  sums: ReadonlyMap<string, bigint>,
  { node, eviction }: Reservations,
  machine: WholeMemory | undefined,
): void {
  const expected = new Map([...node].filter(([resource]) => isMemoryResourceName(resource)));
  const kept = typeof eviction === 'bigint' ? eviction : partOf(machine, eviction.part);
  expected.set('memory', (expected.get('memory') ?? 0n) + (kept ?? 0n));
  for (const resource of new Set([...sums.keys(), ...expected.keys()])) {
    if (resource === 'memory' && kept === undefined) continue;
    const [sum, value] = [sums.get(resource) ?? 0n, expected.get(resource) ?? 0n];
    if (sum === value) continue;
    throw wrong(
      `the total amount "${written(sum)}" of type "${resource}" is not equal to the value "${written(value)}" determined by Node Allocatable feature`,
    );
  }
}

/** In the precision that the kubelet has; undefined where the machine is not known. */
function partOf(machine: WholeMemory | undefined, part: number): bigint | undefined {
  return machine && BigInt(Math.trunc(machine.total * Math.fround(part)));
}

function written(bytes: bigint): string {
  const units = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
  let [value, unit] = [bytes, ''];
  for (const next of units) {
    if (value === 0n || value % 1024n !== 0n) break;
    [value, unit] = [value / 1024n, next];
  }
  return `${value}${unit}`;
}

function wrong(message: string): CodedError {
  return new CodedError('invalid-argument', message, {
    hint: 'reservedMemory must list what kubeReserved, systemReserved and evictionHard (memory.available, 100Mi by default) keep, by NUMA node',
  });
}
