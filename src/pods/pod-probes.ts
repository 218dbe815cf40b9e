import { messageOf } from '../errors/coded-error.ts';
import type { HookOptions } from './container-hooks.ts';
import type { HasStarted } from './next-step.ts';
import type { NodePods } from './node-pods.ts';
import { type Container, gracePeriod, lastingContainers } from './pod.ts';
import { endContainer } from './pod-ending.ts';
import { type ActualPod, actualPod, ofPod } from './pod-runtime.ts';
import type { PodRecord } from './pod-store.ts';
import { type ProbeKind, Probes, type ProbeTarget } from './probes.ts';

export interface PodProbesOptions extends HookOptions {
  pods: NodePods;
  /** Whether something is being done to a pod. */
  busy(uid: string): boolean;
  tell(record: PodRecord, level: 'warn', message: string): void;
  failed(record: PodRecord, error: unknown): void;
}

/** Asks the containers of the node's pods for their health, and ends those that their probes have given up. */
export class PodProbes {
  readonly #options: PodProbesOptions;
  readonly #probes: Probes;
  /** Uid → how many stand in the way of its containers on purpose. */
  readonly #held = new Map<string, number>();

  constructor(options: PodProbesOptions) {
    this.#options = options;
    this.#probes = new Probes({
      ask: options.ask,
      unhealthy: (target, kind, message) => this.#unhealthy(target, kind, message),
      held: (uid) => options.busy(uid) || this.#held.has(uid),
    });
  }

  /** Begins with containers that are new, lets go of those that are not there any more. */
  look(records: readonly PodRecord[], actual: ActualPod): void {
    this.#probes.look(records.flatMap((record) => probed(record, actual)));
  }

  close(): void {
    this.#probes.close();
  }

  readonly hasStarted: HasStarted = ({ id }, container) => this.#probes.isStarted(id, container);

  /** Whether a running container may be used. */
  isReady(id: string, container: Container): boolean {
    return this.#probes.isReady(id, container);
  }

  /** What was wrong when a container was asked last, or empty. */
  complaint(id: string): string {
    return this.#probes.complaint(id);
  }

  /** Runs `work` while what probes find out about a pod tells nothing, because it freezes its containers. */
  async undisturbed<T>(uid: string, work: () => Promise<T>): Promise<T> {
    this.#held.set(uid, (this.#held.get(uid) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.#held.get(uid) ?? 1) - 1;
      if (left > 0) this.#held.set(uid, left);
      else this.#held.delete(uid);
    }
  }

  /** Ends a container that its probes have given up: what its policy says happens next, as after any end. */
  #unhealthy(target: ProbeTarget, kind: ProbeKind, message: string): void {
    const { pods, runtime, tell, failed } = this.#options;
    const { uid, id, container } = target;
    const probe = kind === 'startup' ? container.startupProbe : container.livenessProbe;
    const end = async (signal: AbortSignal) => {
      const record = pods.byUid(uid);
      if (!record) return;
      const { containers } = await actualPod(runtime, uid, signal);
      if (!containers.some((item) => item.id === id && item.state === 'running')) return;
      tell(record, 'warn', `container ${container.name} failed its ${kind} probe, it is ended: ${message}`);
      const grace = probe?.terminationGracePeriodSeconds ?? gracePeriod(record.pod);
      const complain = (error: unknown) => tell(record, 'warn', messageOf(error));
      await endContainer(this.#options, { uid, id, container }, grace, complain, signal);
    };
    pods.exclusively(uid, end).catch((error) => {
      const record = pods.byUid(uid);
      if (record) failed(record, error);
    });
  }
}

/** The containers of a pod that run and have probes. */
function probed({ pod }: PodRecord, actual: ActualPod): ProbeTarget[] {
  const { uid } = pod.metadata;
  const lasting = lastingContainers(pod);
  return ofPod(actual, uid).containers.flatMap(({ id, name, sandboxId, state, createdAt }) => {
    const container = lasting.find((item) => item.name === name);
    if (state !== 'running' || !container) return [];
    if (!container.startupProbe && !container.livenessProbe && !container.readinessProbe) return [];
    return [{ uid, sandboxId, id, container, since: Number(createdAt / 1_000_000n) }];
  });
}
