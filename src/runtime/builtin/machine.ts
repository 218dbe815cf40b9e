import type { Cgroups } from './cgroups.ts';
import type { CniPlaces } from './cni.ts';
import type { ContainerEvents } from './container-events.ts';
import type { CheckpointHooks } from './hooks.ts';
import type { ImageStore } from './image-store.ts';
import type { KeyedQueue } from './keyed-queue.ts';
import type { OciRuntime } from './oci-runtime.ts';
import type { RuntimePaths } from './paths.ts';
import type { RecordStore } from './record-store.ts';
import type { ContainerRecord, SandboxRecord } from './records.ts';
import type { StreamingServer } from './streaming-server.ts';

/** Everything that the operations on pods and containers work with; made once, when the runtime is opened. */
export interface Machine {
  paths: RuntimePaths;
  cgroups: Cgroups;
  log: (line: string) => void;
  /** The conmon executable. */
  conmon: string;
  /** The program that runs a pod's containers. @throws CodedError `not-found` for one that is not set up. */
  runtimeOf(name: string): OciRuntime;
  sandboxes: RecordStore<SandboxRecord>;
  containers: RecordStore<ContainerRecord>;
  images: ImageStore;
  /** By container or pod id: one change at a time. */
  queue: KeyedQueue;
  /** By container id: what has ended is recorded once. */
  ends: Map<string, Promise<void>>;
  events: ContainerEvents;
  hooks: CheckpointHooks | undefined;
  streams: StreamingServer;
  cni: CniPlaces;
}

/** Nanoseconds since 1970. */
export function now(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}
