import { messageOf } from '../errors/coded-error.ts';
import { hasFinished, nextStep } from './next-step.ts';
import type { Log, NodePods } from './node-pods.ts';
import { pause } from './pause.ts';
import type { PodParts } from './pod-parts.ts';
import type { PodProbes } from './pod-probes.ts';
import { actualPod, ofPod, type Runtime } from './pod-runtime.ts';
import { type PodRecord, uidOf } from './pod-store.ts';
import type { PodTroubles } from './pod-troubles.ts';

export interface PodLoopOptions {
  runtime: Runtime;
  pods: NodePods;
  parts: PodParts;
  probes: PodProbes;
  troubles: PodTroubles;
  /** Whether something is being done to a pod. */
  busy(uid: string): boolean;
  /** Whether a pod has what its containers get for themselves. */
  admitted(uid: string): boolean;
  failed(record: PodRecord, error: unknown): void;
  log: Log;
}

/** Milliseconds between two looks at the runtime. */
const lookInterval = 500;

/** Brings the node's pods to what they should be, step by step. */
export class PodLoop {
  readonly #options: PodLoopOptions;

  constructor(options: PodLoopOptions) {
    this.#options = options;
  }

  /** Looks at the runtime again and again, and begins what is to be done. Resolves when told to stop. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look(signal).catch((error) => {
        if (!signal.aborted) this.#options.log('error', messageOf(error));
      });
      await pause(lookInterval, signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { runtime, pods, probes, troubles, busy, admitted, failed } = this.#options;
    const idle = pods.records().filter((record) => !busy(uidOf(record)));
    if (pods.records().length === 0) return probes.look([], { sandboxes: [], containers: [] });
    const actual = await actualPod(runtime, undefined, signal);
    probes.look(pods.records(), actual);
    // Those that run keep what they have before others ask for it.
    const lives = (record: PodRecord) => ofPod(actual, uidOf(record)).sandboxes.some(({ ready }) => ready);
    for (const record of [...idle].sort((a, b) => Number(lives(b)) - Number(lives(a)))) {
      const uid = uidOf(record);
      if (record.restoring || record.drained || troubles.waits(uid)) continue;
      const step = nextStep(record.pod, ofPod(actual, uid), Date.now(), probes.hasStarted);
      const known = admitted(uid) || hasFinished(record.pod, ofPod(actual, uid));
      if ((known && (!step || step.do === 'wait')) || busy(uid)) continue;
      pods.exclusively(uid, () => this.#sync(uid, signal)).catch((error) => failed(record, error));
    }
  }

  /** Takes one step after the other, until nothing is to be done now. */
  async #sync(uid: string, signal: AbortSignal): Promise<void> {
    const { runtime, pods, parts, probes, troubles } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      const record = pods.byUid(uid);
      if (!record || record.restoring || record.drained) return;
      const actual = await actualPod(runtime, uid, signal);
      if (!hasFinished(record.pod, actual)) await pods.admit(record, signal);
      const step = nextStep(record.pod, actual, Date.now(), probes.hasStarted);
      if (!step || step.do === 'wait') break;
      await parts.take(record, step, signal);
    }
    troubles.clear(uid);
  }
}
