import { isGuaranteed } from '../cpumanager/whole-cpus.ts';
import { isMemoryResourceName } from '../kubeletstate/resource-name.ts';
import type { Container, Pod } from '../pods/pod.ts';
import { parseQuantity } from '../pods/quantity.ts';

/** Bytes of memory and huge pages that the container gets of NUMA nodes; nothing where it may have any. */
export function requestedMemory(pod: Pod, { resources }: Container): ReadonlyMap<string, bigint> {
  if (!isGuaranteed(pod)) return new Map();
  const wanted = { ...resources?.limits, ...resources?.requests };
  return new Map(
    Object.entries(wanted)
      .filter(([name]) => isMemoryResourceName(name))
      .map(([name, amount]) => [name, BigInt(Math.ceil(parseQuantity(amount) ?? 0))]),
  );
}
