import type { ErrorCode } from '../errors/code.ts';
import type { CheckpointTarget } from './kubelet-checkpoint.ts';

/** Our own API: JSON shapes, used by the server and by every client. Their schemas stand in `schemas.ts`. */

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
  /** Address that pods on the node's network are told. */
  hostIP: string;
  /** Pods of dockershim or cri-dockerd that were left in this folder: `stasis state show` explains each. */
  oldSandboxes: { folder: string; count: number }[];
  /** Whether pods from manifests are held back because the node was drained. */
  drained: boolean;
  memory: NodeMemoryStatus;
}

/** The memory of the node and what is asked of it. */
export interface NodeMemoryStatus {
  totalBytes: number;
  /** Of all pods that the node has accepted, together. */
  requestedBytes: number;
  /** Of the memory manager. */
  policy: 'None' | 'Static';
  /** Why nobody gets memory of a NUMA node although the policy is Static. */
  problem?: string;
  /** With the policy Static: each resource of each NUMA node. */
  numaNodes: NumaMemory[];
}

/** Memory, or huge pages of one size, of a NUMA node: bytes. */
export interface NumaMemory {
  node: number;
  /** `memory` or `hugepages-2Mi`. */
  resource: string;
  total: number;
  /** Kept for the system. */
  reserved: number;
  allocatable: number;
  /** What no container has for itself. */
  free: number;
  /** The NUMA nodes that serve containers together with this one, itself included. */
  group: number[];
}

/** The memory that is asked for, and that may not be exceeded. */
export interface MemoryWanted {
  requestBytes?: number;
  limitBytes?: number;
}

/** Memory that a container has for itself. */
export interface GivenMemory {
  /** `memory` or `hugepages-2Mi`. */
  resource: string;
  bytes: number;
  numaNodes: number[];
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
  memory: MemoryWanted;
  /** What the memory manager gave it, with the policy Static. */
  givenMemory?: GivenMemory[];
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
  memory: MemoryWanted;
}

/** A pod with everything that this node knows of it. */
export interface PodDetails extends PodSummary {
  apiVersion: 'stasis/v1';
  kind: 'Pod';
  /** As its manifest or its checkpoint describes it; the shape is that of a `v1.Pod`. */
  pod: unknown;
  manifest?: string;
  /** RFC 3339 time at which the node accepted it. */
  seen: string;
  /** `host`, `pod` with an address of its own, or `loopback`: it reaches itself alone. */
  network: 'host' | 'pod' | 'loopback' | '';
  address: string;
  /** `ConfigMap settings` and so on: what it was given last. */
  configuration: string[];
  /** What has happened to it in the life of this daemon, oldest first. */
  events: { time: string; level: 'info' | 'warn'; message: string; count: number }[];
}

/** CPUs of the node that have the same use. */
export interface CpuSummary {
  /** As `0-3,8`. */
  cpus: string;
  count: number;
  /** Kept for the node, for everybody, or for one container alone. Reserved ones may be shared too. */
  use: 'reserved' | 'shared' | 'exclusive';
  namespace?: string;
  pod?: string;
  podUid?: string;
  container?: string;
}

/** A command to be run in a container of a pod. */
export interface ExecRequest {
  /** The first of the pod where left out. */
  container?: string;
  command: string[];
  stdin?: boolean;
  tty?: boolean;
}

/** To be connected to what a container reads and writes. */
export interface AttachRequest {
  /** The first of the pod where left out. */
  container?: string;
  stdin?: boolean;
  tty?: boolean;
}

/** One connection to each of these ports of a pod. */
export interface PortForwardRequest {
  /** 1 to 65535, at most sixteen. */
  ports: number[];
}

/** Where a stream is to be opened, over WebSocket, once and within a minute. */
export interface StreamGrant {
  apiVersion: 'stasis/v1';
  kind: 'Stream';
  path: string;
}

/** What a checkpoint left behind. */
interface MadeCheckpoint {
  namespace: string;
  /** Of a pod's checkpoint its name; of a container's the file name of the archive. */
  name: string;
  /** Path of the archive on the node. */
  archive: string;
  /** Bytes. */
  size: number;
  /** Microseconds during which nothing of it ran, where that was measured. */
  frozenMicroseconds?: number;
}

/** What a checkpoint of a whole pod left behind; `name` is the pod's. */
export interface PodCheckpointResult extends MadeCheckpoint {
  sandboxId: string;
}

/** What a checkpoint of one container left behind; `name` is the archive's in the list of checkpoints. */
export interface ContainerCheckpointResult extends MadeCheckpoint {
  pod: string;
  container: string;
}

/** What a checkpoint is doing: waiting for its turn, … */
export const stages = ['waiting', 'freezing', 'dumping', 'archiving', 'digest', 'done'] as const;
export type Stage = (typeof stages)[number];

/** A container, or a whole pod. */
export type OperationTarget = Omit<CheckpointTarget, 'container'> & { container?: string };

/** A checkpoint that goes on without its client. */
export interface Operation {
  apiVersion: 'stasis/v1';
  kind: 'Operation';
  id: string;
  target: OperationTarget;
  /** Who asked for it. */
  by: string;
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  stage: Stage;
  /** Bytes written in this stage, and how many it is thought to come to. */
  written?: number;
  estimated?: number;
  /** RFC 3339. */
  created: string;
  finished?: string;
  /** Of one that succeeded. */
  result?: PodCheckpointResult | ContainerCheckpointResult;
  /** Of the archive's bytes: `sha256:` and hexadecimal digits. */
  digest?: string;
  /** Of one that failed or was cancelled. */
  error?: ErrorBody['error'];
}

export interface DrainResult {
  apiVersion: 'stasis/v1';
  kind: 'DrainResult';
  pods: PodCheckpointResult[];
}

/** Of an archive either the name of one that is kept, or the path of any. */
export interface RestoreRequest {
  /** Its name in the list of checkpoints. */
  checkpoint?: string;
  /** Absolute path of the archive on the node. */
  archive?: string;
  /** Name and namespace of the pod to make; those of the checkpoint where left out. */
  name?: string;
  namespace?: string;
  /** Name of a volume, or its path on the node of the checkpoint → path on this node. */
  volumes?: Record<string, string>;
  /** Connections that were open: kept (their addresses must be here), or closed. Kept where left out. */
  tcp?: 'established' | 'close';
}

export interface RestoreResult {
  apiVersion: 'stasis/v1';
  kind: 'RestoreResult';
  pod: PodSummary;
}

/** What a restore would meet on this node. */
export interface RestorePreflight {
  apiVersion: 'stasis/v1';
  kind: 'RestorePreflight';
  /** The pod that would be made. */
  pod: { namespace: string; name: string };
  /** Everything that is not here, in words; with nothing in it the restore is begun. */
  missing: string[];
  /** Images that are not here and that the runtime would be asked to fetch. */
  pulls: string[];
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
  /** Whether it is kept from being deleted. */
  pinned: boolean;
}

/** Who keeps an archive, since when and why. */
export interface Pin {
  by: string;
  /** RFC 3339. */
  at: string;
  reason: string;
}

export interface PinRequest {
  reason?: string;
}

/** What the archive says of one container in it. */
export interface DescribedContainer {
  name: string;
  id: string;
  image: string;
  /** Who made the archive, and what ran the container. */
  engine: string;
  runtime: string;
  checkpointed: string;
  /** Bytes of CRIU's images, of the pages of memory among them, and of changed files. */
  imagesBytes: number;
  pagesBytes: number;
  rootfsBytes: number;
}

export interface CheckpointDescription extends CheckpointSummary {
  pin?: Pin;
  containers: DescribedContainer[];
  /** Why the archive could not be read. */
  problem?: string;
}

/** What of a checkpoint is to be shown. */
export interface InspectRequest {
  container?: string;
  processes?: boolean;
  arguments?: boolean;
  environment?: boolean;
  statistics?: boolean;
  mounts?: boolean;
  metadata?: boolean;
  /** Names with commas between them, or `all`. */
  sections?: string;
}

export interface SearchRequest {
  pattern?: string;
  /** What the pattern is; literal text where left out. */
  as?: 'literal' | 'regex' | 'hex' | 'utf16';
  ignoreCase?: boolean;
  /** Look for keys, tokens and passwords, too. */
  secrets?: boolean;
  pids?: number[];
  /** Bytes on each side of a match. */
  context?: number;
  /** Hits after which it ends. */
  limit?: number;
}

/** Most hits of one search, and how many where nothing is said. */
export const searchLimits = { most: 100_000, usual: 1000, context: 4096, pattern: 4096 } as const;

/** One match in memory; `match`, `before` and `after` are base64. */
export interface SearchHit {
  pid?: number;
  comm?: string;
  segment?: number;
  address: string;
  map: string;
  rights: string;
  file_offset?: number;
  secret?: string;
  text: string;
  match: string;
  before: string;
  after: string;
}

/** The last line of a search. */
export interface SearchEnd {
  end: 'complete' | 'limit' | 'error';
  hits: number;
  error?: string;
}

/** Which container runtime a node has. */
export interface RuntimeStatus {
  apiVersion: 'stasis/v1';
  kind: 'Runtime';
  /** Whether it is the daemon's own. */
  builtIn: boolean;
  socket?: string;
  name: string;
  version: string;
  /** Version of CRI. */
  apiVersionOfRuntime: string;
  canCheckpoint: boolean;
  why?: string;
  hint?: string;
  criu: { version?: string; problem?: string };
  dockershimSandboxes: number;
}

export interface StateFileSummary {
  /** Below the kubelet's root directory, or relative to it. */
  name: string;
  path: string;
  kind: string;
  version: string | null;
  title: string;
  size: number | null;
  modified: string | null;
  valid: boolean;
  acceptedBy: string[];
}

/** As `stasis state verify -o json` prints it; it has more members. */
export interface StateFileReport {
  path: string;
  kind: string;
  version: string | null;
  valid: boolean;
  acceptedBy: string[];
  kubelet: string;
  findings: { severity: string; code: string; message: string; hint?: string }[];
}

export interface StateContent {
  apiVersion: 'stasis/v1';
  kind: 'StateContent';
  path: string;
  kindOfFile: string;
  version: string | null;
  valid: boolean;
  content: unknown;
}
