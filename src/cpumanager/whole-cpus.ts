import { allContainers, type Container, type Pod } from '../pods/pod.ts';
import { parseQuantity } from '../pods/quantity.ts';

/**
 * Whether the pod is of the class Guaranteed: each container has limits of CPU and memory, and its requests are the
 * same.
 */
export function isGuaranteed(pod: Pod): boolean {
  return allContainers(pod).every(({ resources: { limits = {}, requests = {} } = {} }) =>
    ['cpu', 'memory'].every((name) => {
      const limit = parseQuantity(limits[name] ?? '0') ?? 0;
      const request = requests[name] === undefined ? limit : parseQuantity(requests[name] ?? '');
      return limit > 0 && request === limit;
    }),
  );
}

/** How many CPUs the container gets for itself under the static policy; 0 where it shares. */
export function wholeCpus(pod: Pod, { resources }: Container): number {
  if (!isGuaranteed(pod)) return 0;
  const text = resources?.requests?.['cpu'] ?? resources?.limits?.['cpu'] ?? '0';
  const cpus = parseQuantity(text) ?? 0;
  return Number.isInteger(cpus) ? cpus : 0;
}
