import type {
  CheckpointSummary,
  DeviceSummary,
  NodeStatus,
  PodCheckpointResult,
  PodSummary,
  RestoreRequest,
} from '../api/stasis.ts';
import type { Checkpointer } from './checkpointer.ts';

/** Everything that our own API lets a client do on this node. */
export interface NodeControl extends Checkpointer {
  status(signal: AbortSignal): Promise<NodeStatus>;
  pods(signal: AbortSignal): Promise<PodSummary[]>;
  devices(signal: AbortSignal): Promise<DeviceSummary[]>;
  /** @throws CodedError `not-found`; `failed-precondition` for a pod that a manifest describes */
  deletePod(namespace: string, name: string, signal: AbortSignal): Promise<void>;
  /** @param timeout seconds; 0 for the default */
  checkpointPod(
    namespace: string,
    name: string,
    timeout: number,
    signal: AbortSignal,
  ): Promise<PodCheckpointResult>;
  drain(timeout: number, signal: AbortSignal): Promise<PodCheckpointResult[]>;
  uncordon(signal: AbortSignal): Promise<void>;
  restore(request: RestoreRequest, signal: AbortSignal): Promise<PodSummary>;
  checkpoints(signal: AbortSignal): Promise<CheckpointSummary[]>;
  /** @throws CodedError `not-found` */
  deleteCheckpoint(name: string, signal: AbortSignal): Promise<void>;
}
