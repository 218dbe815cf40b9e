import type { ErrorCode } from '../errors/code.ts';

/** Our own API: paths and JSON shapes, used by the server and by every client. */

export const apiRoot = '/apis/stasis/v1';

export const paths = {
  node: `${apiRoot}/node`,
  pods: `${apiRoot}/pods`,
  pod: (namespace: string, name: string) =>
    `${apiRoot}/pods/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`,
  podCheckpoint: (namespace: string, name: string) =>
    `${apiRoot}/pods/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/checkpoint`,
  devices: `${apiRoot}/devices`,
  checkpoints: `${apiRoot}/checkpoints`,
  checkpoint: (name: string) => `${apiRoot}/checkpoints/${encodeURIComponent(name)}`,
  archive: (name: string) => `${apiRoot}/checkpoints/${encodeURIComponent(name)}/archive`,
  drain: `${apiRoot}/drain`,
  uncordon: `${apiRoot}/uncordon`,
  restore: `${apiRoot}/restore`,
} as const;

/** Answered to anyone: `ok`. */
export const livez = '/livez';
/** Answered to whoever may `get` `nodes/healthz`, as the kubelet does. */
export const healthz = '/healthz';

/** Body of every answer of our own API that is not a success. */
export interface ErrorBody {
  error: { code: ErrorCode; message: string; hint?: string };
}

export interface List<T> {
  apiVersion: 'stasis/v1';
  kind: string;
  items: T[];
}

export interface NodeStatus {
  apiVersion: 'stasis/v1';
  kind: 'Node';
  name: string;
  version: string;
  rootDirectory: string;
  runtime: { name: string; version: string };
  /** Whether pods from manifests are held back because the node was drained. */
  drained: boolean;
}

export type ContainerState = 'waiting' | 'created' | 'running' | 'exited' | 'unknown';

export interface ContainerSummary {
  name: string;
  image: string;
  /** CRI id, or empty where none exists yet. */
  id: string;
  state: ContainerState;
  /** Times it was started again. */
  restarts: number;
  /** Exit status of the last run, where it ended. */
  exitCode?: number;
  init: boolean;
  /** Whether it is an init container that goes on running. */
  sidecar?: boolean;
  /** Whether it runs, has started and passes its readiness probe. */
  ready: boolean;
  /** What its probes complain of. */
  message?: string;
}

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Stopped';

export interface PodSummary {
  namespace: string;
  name: string;
  uid: string;
  phase: PodPhase;
  /** CRI id of the sandbox, or empty. */
  sandboxId: string;
  /** Where it came from: a manifest file, or a checkpoint. */
  source: 'file' | 'checkpoint';
  /** Whether it continues from a checkpoint. */
  restored: boolean;
  /** Whether every container that is to go on running is ready. */
  ready: boolean;
  /** Last thing that went wrong, or empty. */
  message: string;
  containers: ContainerSummary[];
}

/** What a checkpoint of a whole pod left behind. */
export interface PodCheckpointResult {
  namespace: string;
  name: string;
  sandboxId: string;
  /** Path of the pod archive on the node. */
  archive: string;
  /** Bytes. */
  size: number;
  /** Microseconds for which the container that stood still longest stood still, where the runtime measured it. */
  frozenMicroseconds?: number;
}

export interface DrainResult {
  apiVersion: 'stasis/v1';
  kind: 'DrainResult';
  pods: PodCheckpointResult[];
}

export interface RestoreRequest {
  /** Absolute path of the archive on the node. */
  archive: string;
  /** Name and namespace of the pod to make; those of the checkpoint where left out. */
  name?: string;
  namespace?: string;
}

export interface RestoreResult {
  apiVersion: 'stasis/v1';
  kind: 'RestoreResult';
  pod: PodSummary;
}

/** A device that a plugin brings, and who has it; nobody where there is no container. */
export interface DeviceSummary {
  /** As `vendor.com/gpu`. */
  resource: string;
  id: string;
  /** Unknown where its plugin has not come back. */
  health: 'Healthy' | 'Unhealthy' | 'Unknown';
  /** That it is near to; none where its plugin does not say. */
  numaNodes: number[];
  /** Absent where the node does not know the pod any more. */
  namespace?: string;
  pod?: string;
  podUid?: string;
  container?: string;
}

export interface CheckpointSummary {
  /** File name below the checkpoint directory. */
  name: string;
  path: string;
  kind: 'container' | 'pod';
  namespace: string;
  pod: string;
  /** Only for the checkpoint of one container. */
  container?: string;
  /** RFC 3339. */
  created: string;
  /** Bytes. */
  size: number;
}
