import { messageOf } from '../errors/coded-error.ts';
import { pause } from './pause.ts';
import type { Container, Probe } from './pod.ts';

/** A running container whose health is asked for. */
export interface ProbeTarget {
  uid: string;
  sandboxId: string;
  /** The runtime's id. */
  id: string;
  container: Container;
  /** Milliseconds since 1970. */
  since: number;
}

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

export interface ProbesOptions {
  /** Asks once. @returns what is wrong, undefined for health; whatever it throws is wrong as well */
  ask(target: ProbeTarget, probe: Probe, signal: AbortSignal): Promise<string | undefined>;
  /** A container is to be ended: it did not start, or does not live. */
  unhealthy(target: ProbeTarget, kind: ProbeKind, message: string): void;
  /** Whether the pod stands still on purpose, in a checkpoint say: what is asked meanwhile tells nothing. */
  held(uid: string): boolean;
}

interface Watched {
  target: ProbeTarget;
  started: boolean;
  ready: boolean;
  /** Last thing that was wrong, or empty. */
  complaint: string;
  ending: AbortController;
}

const usual = { period: 10, timeout: 1, failures: 3, successes: 1 };

/** Asks running containers for their health, as their probes say, with the kubelet's defaults. */
export class Probes {
  readonly #options: ProbesOptions;
  readonly #watched = new Map<string, Watched>();

  constructor(options: ProbesOptions) {
    this.#options = options;
  }

  /** Begins with containers that are new, lets go of those that are not there any more. */
  look(targets: readonly ProbeTarget[]): void {
    const ids = new Set(targets.map(({ id }) => id));
    for (const [id, { ending }] of this.#watched) {
      if (ids.has(id)) continue;
      ending.abort();
      this.#watched.delete(id);
    }
    for (const target of targets) if (!this.#watched.has(target.id)) this.#begin(target);
  }

  /** Whether a running container has passed its startup probe; true for one without. */
  isStarted(id: string, container: Container): boolean {
    return container.startupProbe === undefined || (this.#watched.get(id)?.started ?? false);
  }

  /** Whether a running container may be used. */
  isReady(id: string, container: Container): boolean {
    if (!this.isStarted(id, container)) return false;
    return container.readinessProbe === undefined || (this.#watched.get(id)?.ready ?? false);
  }

  /** What was wrong when a container was asked last, or empty. */
  complaint(id: string): string {
    return this.#watched.get(id)?.complaint ?? '';
  }

  close(): void {
    this.look([]);
  }

  #begin(target: ProbeTarget): void {
    const { startupProbe, livenessProbe, readinessProbe } = target.container;
    const ending = new AbortController();
    const watched: Watched = {
      ...{ target, ending, complaint: '', ready: false, started: startupProbe === undefined },
    };
    this.#watched.set(target.id, watched);
    const lasting = () => {
      if (livenessProbe) void this.#repeat(watched, 'liveness', livenessProbe);
      if (readinessProbe) void this.#repeat(watched, 'readiness', readinessProbe);
    };
    if (!startupProbe) lasting();
    else void this.#repeat(watched, 'startup', startupProbe).then(() => watched.started && lasting());
  }

  /** Asks until the container is gone, is to be ended, or, at its start, has started. */
  async #repeat(watched: Watched, kind: ProbeKind, probe: Probe): Promise<void> {
    const { signal } = watched.ending;
    const { successThreshold = usual.successes, failureThreshold = usual.failures } = probe;
    const first = watched.target.since + (probe.initialDelaySeconds ?? 0) * 1000;
    await pause(Math.max(0, first - Date.now()), signal);
    let [good, bad] = [0, 0];
    while (!signal.aborted) {
      const complaint = await this.#once(watched.target, probe, signal);
      if (signal.aborted) return;
      if (complaint !== 'held') {
        watched.complaint = complaint === undefined ? '' : `${kind} probe: ${complaint}`;
        if (complaint === undefined) [good, bad] = [good + 1, 0];
        else [good, bad] = [0, bad + 1];
        if (kind === 'readiness') {
          if (good >= successThreshold) watched.ready = true;
          if (bad >= failureThreshold) watched.ready = false;
        } else if (kind === 'startup' && good >= 1) {
          watched.started = true;
          return;
        } else if (bad >= failureThreshold) {
          return this.#options.unhealthy(watched.target, kind, complaint ?? '');
        }
      }
      await pause((probe.periodSeconds ?? usual.period) * 1000, signal);
    }
  }

  async #once(target: ProbeTarget, probe: Probe, signal: AbortSignal): Promise<string | undefined | 'held'> {
    const { ask, held } = this.#options;
    if (held(target.uid)) return 'held';
    const seconds = probe.timeoutSeconds ?? usual.timeout;
    const deadline = AbortSignal.timeout(seconds * 1000);
    let complaint: string | undefined;
    try {
      complaint = await ask(target, probe, AbortSignal.any([signal, deadline]));
    } catch (error) {
      complaint = deadline.aborted ? `no answer within ${seconds} s` : messageOf(error);
    }
    return held(target.uid) ? 'held' : complaint;
  }
}
