import type { CpuSet } from './cpuset.ts';

/** What is known about the node that a file belongs to. Everything may be unknown: a copied file has no node. */
export interface NodeFacts {
  onlineCpus?: CpuSet;
  numaNodes?: readonly NumaNode[];
  config?: KubeletConfig;
  /** Pods that exist on the node, by uid. */
  pods?: ReadonlyMap<string, PodOnNode>;
  /** What the kubelet says that containers have, under `namespace/pod/container`. */
  containerResources?: ReadonlyMap<string, ContainerResources>;
  /** Who is there, did not answer, and so was not compared with: why. */
  silent?: { runtime?: string; kubelet?: string };
  /** Changes with every boot of the machine. */
  bootId?: string;
  /** Milliseconds since 1970. */
  bootTime?: number;
}

export interface NumaNode {
  id: number;
  cpus: CpuSet;
  /** Bytes by resource name: `memory`, `hugepages-1Gi`. */
  memory: ReadonlyMap<string, bigint>;
}

/** The part of the kubelet's configuration that its state files have to agree with. */
export interface KubeletConfig {
  cpuManagerPolicy: string;
  memoryManagerPolicy: string;
  /** CPUs of `reservedSystemCPUs`. */
  reservedCpus?: CpuSet;
  strictReservation: boolean;
  featureGates: ReadonlySet<string>;
}

export interface PodOnNode {
  /** Unknown where only the pod's folder says that it exists. */
  namespace?: string;
  name?: string;
}

/** Which container of which pod a container of the runtime is. */
export interface ContainerOnNode {
  podUid: string;
  container: string;
}

export interface ContainerResources {
  /** CPUs that are the container's alone. */
  cpus: CpuSet;
  /** Device ids by resource name. */
  devices: ReadonlyMap<string, readonly string[]>;
}
