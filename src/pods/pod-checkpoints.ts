import type { WatchRuntime } from '../api/runtime-events.ts';
import type { PodCheckpointResult } from '../api/stasis.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { CheckpointsDirectory } from '../localfs/checkpoints-directory.ts';
import type { FreeSpace } from './free-space.ts';
import { InTurn } from './in-turn.ts';
import type { Log, NodePods } from './node-pods.ts';
import { PodCapture } from './pod-capture.ts';
import type { PodDirectories } from './pod-directories.ts';
import { actualPod, type Runtime } from './pod-runtime.ts';
import type { PodRecord } from './pod-store.ts';
import type { VolumeChoice } from './pod-volumes.ts';
import type { Tell } from './progress.ts';

export interface PodCheckpointOptions {
  runtime: Runtime;
  pods: NodePods;
  directories: PodDirectories;
  directory: CheckpointsDirectory;
  /** Identity of this root directory. */
  nodeId: string;
  /** Seconds that the capture of one pod may take where nobody says otherwise. */
  defaultTimeout: number;
  space: FreeSpace;
  /** How to learn what the runtime is doing, where it tells. */
  watch?: WatchRuntime;
  log: Log;
}

/** What a client may choose. */
export interface PodCheckpointChoices {
  /** Seconds; 0 for the default. */
  timeout: number;
  /** `emptydir` where it is left out. */
  volumes?: VolumeChoice;
}

/** Checkpoints of whole pods: one archive for each beside `checkpointed.pods`, and an entry in that list. */
export class PodCheckpoints {
  readonly #options: PodCheckpointOptions;
  readonly #capture: PodCapture;
  readonly #draining = new InTurn();

  constructor(options: PodCheckpointOptions) {
    this.#options = options;
    this.#capture = new PodCapture(options);
  }

  /**
   * Captures every running container of a pod in one cut and leaves the pod running.
   */
  async checkpoint(
    namespace: string,
    name: string,
    how: PodCheckpointChoices,
    signal: AbortSignal,
    tell: Tell = () => undefined,
  ): Promise<PodCheckpointResult> {
    const record = this.#options.pods.find(namespace, name);
    if (!record) throw new CodedError('not-found', `this node has no pod ${namespace}/${name}`);
    const { uid } = record.pod.metadata;
    tell({ stage: 'waiting' });
    return this.#options.pods.exclusively(uid, async (stopping) => {
      const current = this.#options.pods.byUid(uid) ?? record;
      return this.#capture.capture(current, how, false, AbortSignal.any([signal, stopping]), tell);
    });
  }

  /**
   * Captures each pod and ends it, and takes no new ones until {@link uncordon} or the next start. The first pod
   * that cannot be captured stops the drain: it and those after it go on running, those before it can be
   * restored by uncordon.
   */
  drain(how: PodCheckpointChoices, signal: AbortSignal): Promise<PodCheckpointResult[]> {
    const { pods, log } = this.#options;
    return this.#draining.run('', async () => {
      pods.drained = true;
      const results: PodCheckpointResult[] = [];
      for (const record of pods.records()) {
        if (record.drained) continue;
        const { uid } = record.pod.metadata;
        const result = await pods.exclusively(uid, async (stopping) => {
          // It may have changed, or gone, while it waited for its turn.
          const current = pods.byUid(uid);
          return current && this.#drainOne(current, how, AbortSignal.any([signal, stopping]));
        });
        if (result) results.push(result);
      }
      log('info', `the node is drained, ${results.length} pods are checkpointed`);
      return results;
    });
  }

  async #drainOne(
    record: PodRecord,
    how: PodCheckpointChoices,
    signal: AbortSignal,
  ): Promise<PodCheckpointResult | undefined> {
    const { pods } = this.#options;
    const { uid, namespace, name } = record.pod.metadata;
    const { containers } = await actualPod(this.#options.runtime, uid, signal);
    if (!containers.some(({ state }) => state === 'running')) {
      // Nothing runs that could be captured: it has ended, or has not come to run. It starts afresh later.
      await pods.accept({ ...record, drained: true });
      await pods.stop(record, 0, signal);
      return undefined;
    }
    const result = await this.#capture.capture(record, how, true, signal);
    this.#options.log('info', `pod ${namespace}/${name} is checkpointed and ended`, {
      archive: result.archive,
    });
    return result;
  }
}
