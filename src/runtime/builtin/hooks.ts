import type { RuntimeEvent } from '../../api/runtime-events.ts';
import type {
  CheckpointContainerRequest,
  CheckpointPodRequest,
  ContainerConfig,
  PodSandboxConfig,
  RestoredContainer,
  RestorePodRequest,
} from '../../gen/cri/v1/api_pb.ts';
import type { OciRuntime } from './oci-runtime.ts';
import type { RuntimePaths } from './paths.ts';
import type { ContainerImage, ContainerRecord, RestoreSource, SandboxRecord } from './records.ts';

/** How a container is made where it is not simply from its image. */
export interface CreateOptions {
  /** The image, when it is already known; otherwise `config.image` is looked up. */
  image?: ContainerImage;
  /** Makes StartContainer restore instead of start. */
  restore?: RestoreSource;
  /**
   * Called when the root file system is mounted and `config.json` written, before the container exists for
   * anybody else; whatever it throws undoes the creation.
   */
  prepare?: (container: ContainerRecord) => Promise<void>;
}

/** What checkpoint and restore may use of the runtime they extend. */
export interface BuiltinRuntime {
  readonly paths: RuntimePaths;
  /** One line for whoever operates this. */
  readonly log: (line: string) => void;
  /** Says how far a checkpoint is. */
  readonly tell: (event: RuntimeEvent) => void;
  /** @throws CodedError `not-found`. A prefix of an id is accepted where it is unique. */
  sandbox(id: string): SandboxRecord;
  /** Looked at afresh: a process that has ended is recorded as ended. @throws CodedError `not-found` */
  container(id: string): Promise<ContainerRecord>;
  containersOf(sandboxId: string): Promise<ContainerRecord[]>;
  /** Makes a change of the record durable. */
  save(container: ContainerRecord): Promise<void>;
  /** Runs `work` while nobody else changes this container; waits its turn. */
  exclusively<T>(containerId: string, work: () => Promise<T>): Promise<T>;
  /** The program that runs this pod's containers. */
  ociRuntimeOf(sandbox: SandboxRecord): OciRuntime;
  /** @throws CodedError `not-found` with the way to bring the image here. */
  resolveImage(reference: string): Promise<ContainerImage>;
  runSandbox(config: PodSandboxConfig, handler: string, signal: AbortSignal): Promise<SandboxRecord>;
  /** Stops and removes the pod with everything in it. */
  removeSandbox(id: string): Promise<void>;
  createContainer(
    sandbox: SandboxRecord,
    config: ContainerConfig,
    options: CreateOptions,
    signal: AbortSignal,
  ): Promise<ContainerRecord>;
  removeContainer(id: string): Promise<void>;
}

/** Checkpoint and restore, plugged into the runtime; without them these calls answer "unimplemented". */
export interface CheckpointHooks {
  checkpointContainer(
    runtime: BuiltinRuntime,
    request: CheckpointContainerRequest,
    signal: AbortSignal,
  ): Promise<void>;
  checkpointPod(runtime: BuiltinRuntime, request: CheckpointPodRequest, signal: AbortSignal): Promise<void>;
  restorePod(
    runtime: BuiltinRuntime,
    request: RestorePodRequest,
    signal: AbortSignal,
  ): Promise<{ sandboxId: string; restored: Pick<RestoredContainer, 'name' | 'containerId'>[] }>;
  /** CreateContainer whose `config.image.image` is the absolute path of a checkpoint archive. */
  createFromArchive(
    runtime: BuiltinRuntime,
    sandbox: SandboxRecord,
    config: ContainerConfig,
    signal: AbortSignal,
  ): Promise<ContainerRecord>;
  /**
   * Called by StartContainer of a container with `restore` set, just before its processes are made (by the
   * supervisor, with the runtime's `restore`): verify once more, hold packets. What it returns is called
   * when the attempt has ended, however it ended.
   */
  beforeRestore?(
    runtime: BuiltinRuntime,
    container: ContainerRecord,
    signal: AbortSignal,
  ): Promise<((failed?: unknown) => Promise<void>) | undefined>;
  /**
   * Called once when the runtime is opened, after containers were adopted: undoes what an earlier process left
   * half done.
   * @param sandboxes Those that are ready.
   * @param containers Those that run.
   */
  recover?(
    runtime: BuiltinRuntime,
    sandboxes: readonly SandboxRecord[],
    containers: readonly ContainerRecord[],
  ): Promise<void>;
}
