import type { MemoryWanted } from '../api/stasis.ts';
import { type Container, isSidecar, lastingContainers, type Pod } from './pod.ts';
import { parseQuantity } from './quantity.ts';

/** The memory that a container asks for and may not exceed. What is limited and not asked for is asked for. */
export function memoryOfContainer({
  resources: { requests = {}, limits = {} } = {},
}: Container): MemoryWanted {
  const limit = bytesOf(limits['memory']);
  const request = bytesOf(requests['memory']) ?? limit;
  return {
    ...(request === undefined ? {} : { requestBytes: request }),
    ...(limit === undefined ? {} : { limitBytes: limit }),
  };
}

/**
 * The memory of a pod as the scheduler counts it: what its containers and sidecars have together, or what an init
 * container has beside the sidecars before it, where that is more. It has a limit where each of them has one.
 */
export function memoryOfPod(pod: Pod): MemoryWanted {
  const request = most(pod, (container) => memoryOfContainer(container).requestBytes ?? 0);
  const limit = most(pod, (container) => memoryOfContainer(container).limitBytes ?? Number.POSITIVE_INFINITY);
  return {
    ...(request > 0 ? { requestBytes: request } : {}),
    ...(Number.isFinite(limit) ? { limitBytes: limit } : {}),
  };
}

function most(pod: Pod, of: (container: Container) => number): number {
  let sidecars = 0;
  let before = 0;
  for (const container of pod.spec.initContainers ?? []) {
    before = Math.max(before, sidecars + of(container));
    if (isSidecar(container)) sidecars += of(container);
  }
  const lasting = lastingContainers(pod).reduce((sum, container) => sum + of(container), 0);
  return Math.max(before, lasting);
}

function bytesOf(quantity: string | undefined): number | undefined {
  if (quantity === undefined) return undefined;
  const value = parseQuantity(quantity);
  return value === undefined ? undefined : Math.ceil(value);
}
