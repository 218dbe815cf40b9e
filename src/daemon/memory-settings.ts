import { type Reservations, reservedMemory } from '../memorymanager/reserved.ts';
import type { MemoryPolicy } from '../memorymanager/take-over.ts';
import { parseQuantity } from '../pods/quantity.ts';
import { quantity } from '../pods/resource-fields.ts';
import { type Field, integer, listOf, mapOf, object, oneOf, text } from '../pods/schema.ts';
import type { CpuConfiguration } from './cpu-settings.ts';

/** The members of a KubeletConfiguration that say who gets memory of which NUMA nodes. */
export interface MemoryConfiguration extends Pick<CpuConfiguration, 'kubeReserved' | 'systemReserved'> {
  memoryManagerPolicy?: MemoryPolicy;
  reservedMemory?: { numaNode: number; limits: Record<string, string> }[];
  evictionHard?: Record<string, string>;
}

export interface MemorySettings {
  policy: MemoryPolicy;
  reservations: Reservations;
}

/** What a kubelet keeps free when nobody says how much. */
const defaultEviction = '100Mi';
const available = 'memory.available';

/** Nothing is evicted here: what is to be kept free counts as reserved. */
const thresholds: Field<Record<string, string>> = (value, path, reading) => {
  const read = mapOf(text)(value, path, reading);
  const memory = read?.[available];
  if (memory === undefined || partOf(memory) !== undefined || parseQuantity(memory) !== undefined)
    return read;
  return reading.refuse(
    `${path}["${available}"]`,
    'is not a quantity such as 100Mi or a percentage such as 5%',
  );
};

export const memoryFields = {
  memoryManagerPolicy: oneOf('None', 'Static'),
  reservedMemory: listOf(
    object({ numaNode: integer(0, 1023), limits: mapOf(quantity) }, ['numaNode', 'limits']),
  ),
  evictionHard: thresholds,
};

/**
 * What the configuration says, with the kubelet's defaults.
 * @throws CodedError in the kubelet's words where the reservations cannot be right on any machine
 */
export function memorySettingsOf(file: MemoryConfiguration): MemorySettings {
  const policy = file.memoryManagerPolicy ?? 'None';
  const listed = (file.reservedMemory ?? []).flatMap(({ numaNode, limits }) =>
    Object.entries(limits).map(([resource, size]) => ({ node: numaNode, resource, size: bytes(size) })),
  );
  const node = new Map<string, bigint>();
  for (const [name, amount] of [file.kubeReserved, file.systemReserved].flatMap((all) =>
    Object.entries(all ?? {}),
  ))
    node.set(name, (node.get(name) ?? 0n) + bytes(amount));
  // As the kubelet: whoever names any threshold names all.
  const threshold = file.evictionHard ? (file.evictionHard[available] ?? '0') : defaultEviction;
  const part = partOf(threshold);
  const reservations = { listed, node, eviction: part === undefined ? bytes(threshold) : { part } };
  if (policy === 'Static') reservedMemory(reservations);
  return { policy, reservations };
}

function bytes(amount: string): bigint {
  return BigInt(Math.ceil(parseQuantity(amount) ?? 0));
}

/** `5%` is 0.05. */
function partOf(threshold: string): number | undefined {
  const percent = /^([0-9]{1,3}(?:\.[0-9]{1,9})?)%$/.exec(threshold)?.[1];
  return percent === undefined ? undefined : Math.fround(Number(percent)) / 100;
}
