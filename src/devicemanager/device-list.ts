import type { DeviceSummary } from '../api/stasis.ts';
import type { Pod } from '../pods/pod.ts';
import { idsOf, nodesOf } from './allocations.ts';
import type { DeviceRegistry } from './device-registry.ts';

/** Every device that is known or given away, by resource and id; one that several containers have is told for each. */
export function deviceList(registry: DeviceRegistry, pods: readonly Pod[]): DeviceSummary[] {
  const owned = new Map<string, DeviceSummary[]>();
  for (const allocation of registry.allocations()) {
    const { PodUID, ContainerName, ResourceName } = allocation;
    const pod = pods.find(({ metadata }) => metadata.uid === PodUID)?.metadata;
    const nodes = nodesOf(allocation);
    for (const id of idsOf(allocation)) {
      const owner = {
        ...(pod ? { namespace: pod.namespace, pod: pod.name } : {}),
        podUid: PodUID,
        container: ContainerName,
      };
      const health = healthOf(registry, ResourceName, id);
      const summary = {
        resource: ResourceName,
        id,
        health,
        numaNodes: (nodes.get(id) ?? []).map(Number),
        ...owner,
      };
      owned.set(`${ResourceName} ${id}`, [...(owned.get(`${ResourceName} ${id}`) ?? []), summary]);
    }
  }
  const free = registry.resources().flatMap(({ name, devices }) =>
    [...devices.values()]
      .filter(({ id }) => !owned.has(`${name} ${id}`))
      .map(({ id, nodes }) => ({
        resource: name,
        id,
        health: healthOf(registry, name, id),
        numaNodes: nodes.map(Number),
      })),
  );
  const key = ({ resource, id, podUid = '', container = '' }: DeviceSummary) =>
    [resource, id, podUid, container].join(' ');
  return [...free, ...[...owned.values()].flat()].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

function healthOf(registry: DeviceRegistry, resource: string, id: string): DeviceSummary['health'] {
  const device = registry.resource(resource)?.devices.get(id);
  if (!device) return 'Unknown';
  return device.healthy ? 'Healthy' : 'Unhealthy';
}
