import type { CheckpointTarget } from '../api/kubelet-checkpoint.ts';
import type { Tell } from './progress.ts';

/** A checkpoint that is complete. */
export interface FinishedCheckpoint {
  /** Absolute path of the archive. */
  path: string;
  /** Bytes. */
  size?: number;
  /** Microseconds during which nothing of it ran, where that was measured. */
  frozenMicroseconds?: number;
}

/** What the Kubelet Checkpoint API needs of the node. */
export interface Checkpointer {
  /**
   * Names of all containers of the pod: app, init and ephemeral ones, running or not. Undefined where this
   * node has no pod of exactly this namespace and name.
   */
  containersOf(namespace: string, pod: string, signal: AbortSignal): Promise<readonly string[] | undefined>;
  /**
   * Writes a checkpoint of a running container below the node's checkpoint directory; the container goes on
   * running whatever happens.
   * @param timeout seconds as asked for; the kubelet's rules apply to it
   * @param tell is told how far it is
   * @throws an Error whose message is the reason that the kubelet would give; `busy` or `already-exists` where
   *   this container is being checkpointed already and a second one is not to wait
   */
  checkpoint(
    target: CheckpointTarget,
    timeout: bigint,
    signal: AbortSignal,
    tell?: Tell,
  ): Promise<FinishedCheckpoint>;
}
