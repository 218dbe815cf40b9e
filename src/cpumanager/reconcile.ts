import { messageOf } from '../errors/coded-error.ts';
import { type CpuSet, formatCpuSet } from '../kubeletstate/cpuset.ts';
import { pause } from '../pods/pause.ts';

/** A container that runs. */
export interface RunningContainer {
  /** The runtime's id. */
  id: string;
  podUid: string;
  name: string;
}

export interface ReconcileOptions {
  running(signal: AbortSignal): Promise<readonly RunningContainer[]>;
  /** The CPUs that a container should have; undefined where any will do. */
  cpusetOf(podUid: string, container: string): CpuSet | undefined;
  apply(id: string, cpus: string, signal: AbortSignal): Promise<void>;
  complain(message: string): void;
  seconds: number;
}

/**
 * Tells the runtime which CPUs containers have, when these change and from time to time: the shared ones become fewer
 * when somebody gets some for itself.
 */
export class CpuReconciler {
  readonly #options: ReconcileOptions;
  /** Id → what it was told last by this process. */
  readonly #told = new Map<string, string>();
  readonly #complaints = new Map<string, string>();
  #wake = new AbortController();

  constructor(options: ReconcileOptions) {
    this.#options = options;
  }

  /** Looks soon, because something has changed. */
  soon(): void {
    this.#wake.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#wake = new AbortController();
      await this.#once(signal).catch((error: unknown) => {
        if (!signal.aborted) this.#options.complain(`comparing the CPUs of containers: ${messageOf(error)}`);
      });
      await pause(this.#options.seconds * 1000, AbortSignal.any([signal, this.#wake.signal]));
    }
  }

  async #once(signal: AbortSignal): Promise<void> {
    const { running, cpusetOf, apply, complain } = this.#options;
    const containers = await running(signal);
    const ids = new Set(containers.map(({ id }) => id));
    for (const id of this.#told.keys()) if (!ids.has(id)) this.#told.delete(id);
    // Those that have CPUs for themselves come last: by then the others have left these.
    const wanted = containers.flatMap(({ id, podUid, name }) => {
      const cpus = cpusetOf(podUid, name);
      return cpus === undefined || cpus.length === 0
        ? []
        : [{ id, cpus: formatCpuSet(cpus), size: cpus.length }];
    });
    for (const { id, cpus } of wanted.sort((a, b) => b.size - a.size)) {
      if (this.#told.get(id) === cpus) continue;
      try {
        await apply(id, cpus, signal);
        this.#told.set(id, cpus);
        this.#complaints.delete(id);
      } catch (error) {
        const message = `giving container ${id.slice(0, 13)} the CPUs ${cpus}: ${messageOf(error)}`;
        if (this.#complaints.get(id) !== message) complain(message);
        this.#complaints.set(id, message);
      }
    }
  }
}
