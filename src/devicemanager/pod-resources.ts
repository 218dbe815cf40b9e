import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { PodResourcesLister } from '../gen/podresources/v1/api_pb.ts';
import { lastingContainers, type Pod } from '../pods/pod.ts';
import { nodesOf } from './allocations.ts';
import type { DeviceRegistry } from './device-registry.ts';

/** Where PodResources is served, below the root directory. */
export const podResourcesSocket = 'pod-resources/kubelet.sock';

export interface MemoryBlock {
  /** `memory`, `hugepages-1Gi`. */
  type: string;
  /** Bytes. */
  size: bigint;
  /** NUMA nodes that it is taken from together. */
  nodes: readonly bigint[];
}

/** CPUs and memory, of whoever gives these to containers. */
export interface CpuAndMemory {
  /** CPUs that are the container's alone. */
  cpusOf(podUid: string, container: string): readonly bigint[];
  memoryOf(podUid: string, container: string): readonly MemoryBlock[];
  /** What there is to be given, whether it is given now or not. */
  allocatableCpus(): readonly bigint[];
  allocatableMemory(): readonly MemoryBlock[];
}

/** A node that gives no CPUs and no memory to containers alone. */
export const noCpuAndMemory: CpuAndMemory = {
  cpusOf: () => [],
  memoryOf: () => [],
  allocatableCpus: () => [],
  allocatableMemory: () => [],
};

/** `v1.PodResourcesLister`: what monitoring and schedulers on the node ask a kubelet for. */
export function podResources(
  registry: DeviceRegistry,
  more: CpuAndMemory,
  pods: () => readonly Pod[],
): (router: ConnectRouter) => void {
  const describe = (pod: Pod) => describePod(registry, more, pod);
  return (router) => {
    router.service(PodResourcesLister, {
      list: () => ({ podResources: pods().map(describe) }),
      get({ podName, podNamespace }) {
        const found = pods().find(
          ({ metadata }) => metadata.name === podName && metadata.namespace === podNamespace,
        );
        if (found) return { podResources: describe(found) };
        throw new ConnectError(`pod ${podName} in namespace ${podNamespace} not found`, Code.NotFound);
      },
      getAllocatableResources: () => ({
        devices: registry
          .resources()
          .flatMap((resource) =>
            [...resource.devices.values()]
              .filter(({ healthy }) => healthy)
              .flatMap(({ id, nodes }) => deviceMessages(resource.name, id, nodes)),
          ),
        cpuIds: [...more.allocatableCpus()],
        memory: more.allocatableMemory().map(memoryMessage),
      }),
    });
  };
}

function describePod(registry: DeviceRegistry, more: CpuAndMemory, pod: Pod) {
  const { metadata } = pod;
  const { uid } = metadata;
  const containers = lastingContainers(pod).map(({ name }) => ({
    name,
    devices: registry
      .allocations()
      .filter((item) => item.PodUID === uid && item.ContainerName === name)
      .flatMap((item) =>
        [...nodesOf(item)].flatMap(([id, nodes]) => deviceMessages(item.ResourceName, id, nodes)),
      ),
    cpuIds: [...more.cpusOf(uid, name)],
    memory: more.memoryOf(uid, name).map(memoryMessage),
  }));
  return { name: metadata.name, namespace: metadata.namespace, containers };
}

/** As the kubelet says it: one message for each device and NUMA node of it. */
function deviceMessages(resourceName: string, id: string, nodes: readonly bigint[]) {
  const head = { resourceName, deviceIds: [id] };
  if (nodes.length === 0) return [head];
  return nodes.map((node) => ({ ...head, topology: { nodes: [{ ID: node }] } }));
}

function memoryMessage({ type, size, nodes }: MemoryBlock) {
  return { memoryType: type, size, topology: { nodes: nodes.map((node) => ({ ID: node })) } };
}
