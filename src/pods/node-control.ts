import type { ConvertRequest, EditRequest, InsertResult } from '../api/archive-shapes.ts';
import type { CheckpointTarget } from '../api/kubelet-checkpoint.ts';
import type {
  CheckpointDescription,
  CheckpointSummary,
  ContainerCheckpointResult,
  CpuSummary,
  DeviceSummary,
  InspectRequest,
  NodeStatus,
  PodCheckpointResult,
  PodDetails,
  PodSummary,
  RestoreRequest,
  RuntimeStatus,
  SearchEnd,
  SearchHit,
  SearchRequest,
  StateContent,
  StateFileReport,
  StateFileSummary,
} from '../api/stasis.ts';
import type { StateChanges, StateDifference, StateForecast } from '../api/state-shapes.ts';
import type { CheckpointedPods } from '../kubeletstate/checkpointed-pods.ts';
import type { Checkpointer } from './checkpointer.ts';
import type { ChangeRequest, MakeResult, MakeTask, PrintTask, ReadTask, UnpackTask } from './look-tasks.ts';
import type { PodCheckpointChoices } from './pod-checkpoints.ts';
import type { PodStreams } from './pod-streams.ts';
import type { Tell } from './progress.ts';
import type { RestoreForecast } from './restore-dry-run.ts';

/** A restore of the archive at this path. */
export type RestoreFrom = Omit<RestoreRequest, 'checkpoint' | 'archive'> & { archive: string };

/** What is to be made of an archive. */
export type MakeRequest =
  | { kind: 'convert'; request: ConvertRequest }
  | { kind: 'edit'; request: EditRequest };

/** An archive that a client sends. */
export interface Upload {
  /** Bytes, where the client has said it. */
  size: number | undefined;
  pieces: AsyncIterable<Uint8Array>;
}

export interface Inserted {
  pods: InsertResult['pods'];
  archives: string[];
}

/** One thing that has to be right for the node to do its work. */
export interface ReadyCheck {
  name: string;
  /** What is wrong, or undefined. */
  problem: string | undefined;
}

/** What shows the contents of checkpoints and state files. It runs apart: they may come from anyone. */
export interface LookInside {
  /** The text of the command line's JSON. @throws CodedError */
  inspect(archive: CheckpointSummary, request: InspectRequest, signal: AbortSignal): Promise<string>;
  search(
    archive: CheckpointSummary,
    container: string | undefined,
    request: SearchRequest,
    signal: AbortSignal,
  ): AsyncIterable<SearchHit | SearchEnd>;
  stateFiles(signal: AbortSignal): Promise<StateFileSummary[]>;
  verifyState(signal: AbortSignal): Promise<StateFileReport[]>;
  /** @throws CodedError `not-found` for a name that is not in the list */
  stateContent(file: string, signal: AbortSignal): Promise<StateContent>;
  /** @throws CodedError `not-found` for a name that is not in the list, or where there is no earlier generation */
  stateDifferences(file: string, signal: AbortSignal): Promise<StateDifference[]>;
  /** What the kubelet of version `to` will do with each file. @throws CodedError `invalid-argument` */
  statePreflight(from: string, to: string, signal: AbortSignal): Promise<StateForecast[]>;
  /** What has begun to be written is finished, also where the client goes. @throws CodedError */
  changeState(change: ChangeRequest, signal: AbortSignal): Promise<StateChanges>;
  /** The text of the command line's JSON. @throws CodedError */
  print(task: PrintTask, signal: AbortSignal): Promise<string>;
  /** Bytes as they are read. @throws CodedError */
  read(task: ReadTask, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** @throws CodedError; whatever was written by then is left to whoever asked */
  make(task: MakeTask, signal: AbortSignal): Promise<MakeResult>;
  /** Unpacks what `extract` made; as {@link make}. @throws CodedError */
  unpack(task: UnpackTask, signal: AbortSignal): Promise<CheckpointedPods>;
}

/** Everything that our own API lets a client do on this node. */
export interface NodeControl extends Checkpointer {
  readonly look: LookInside;
  status(signal: AbortSignal): Promise<NodeStatus>;
  runtime(signal: AbortSignal): Promise<RuntimeStatus>;
  ready(signal: AbortSignal): Promise<ReadyCheck[]>;
  pods(signal: AbortSignal): Promise<PodSummary[]>;
  devices(signal: AbortSignal): Promise<DeviceSummary[]>;
  cpus(signal: AbortSignal): Promise<CpuSummary[]>;
  /** @throws CodedError `not-found` */
  pod(namespace: string, name: string, signal: AbortSignal): Promise<PodDetails>;
  readonly streams: PodStreams;
  /** @throws CodedError `not-found`; `failed-precondition` for a pod that a manifest describes */
  deletePod(namespace: string, name: string, signal: AbortSignal): Promise<void>;
  /** @throws CodedError `not-found` for a pod or container that is not there, and as {@link Checkpointer} does */
  checkpointContainer(
    target: CheckpointTarget,
    timeout: number,
    signal: AbortSignal,
    tell?: Tell,
  ): Promise<ContainerCheckpointResult>;
  checkpointPod(
    namespace: string,
    name: string,
    how: PodCheckpointChoices,
    signal: AbortSignal,
    tell?: Tell,
  ): Promise<PodCheckpointResult>;
  drain(how: PodCheckpointChoices, signal: AbortSignal): Promise<PodCheckpointResult[]>;
  uncordon(signal: AbortSignal): Promise<void>;
  restore(request: RestoreFrom, signal: AbortSignal): Promise<PodSummary>;
  /** What {@link restore} would meet; nothing is touched. */
  restoreForecast(request: RestoreFrom, signal: AbortSignal): Promise<RestoreForecast>;
  checkpoints(signal: AbortSignal): Promise<CheckpointSummary[]>;
  /** @throws CodedError `not-found` */
  findCheckpoint(name: string, signal: AbortSignal): Promise<CheckpointSummary>;
  describeCheckpoint(name: string, signal: AbortSignal): Promise<CheckpointDescription>;
  pinCheckpoint(name: string, by: string, reason: string): Promise<void>;
  unpinCheckpoint(name: string): Promise<void>;
  /** @throws CodedError `not-found`; `failed-precondition` for one that is pinned, without `force` */
  deleteCheckpoint(name: string, force: boolean): Promise<void>;
  /** Everything that is listed, in one archive: what `stasis extract` writes. */
  extract(compression: 'none' | 'gzip' | 'zstd', signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Adds the pods of an archive that `extract` made to those of this node; nothing is replaced.
   * @returns them, and the paths of their archives
   * @throws CodedError `already-exists`
   */
  insert(upload: Upload, signal: AbortSignal): Promise<Inserted>;
  /** A new archive of a container, made of another one, which stays. @returns the new one */
  makeArchive(
    of: CheckpointSummary,
    request: MakeRequest,
    signal: AbortSignal,
  ): Promise<{ checkpoint: CheckpointSummary } & MakeResult>;
}
