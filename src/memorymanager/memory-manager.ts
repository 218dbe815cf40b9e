import type { MemoryBlock } from '../kubeletstate/memory-manager.ts';
import { type ContainerGrant, nothingGranted } from '../pods/container-grant.ts';
import type { AdmissionFacts, NodeResources } from '../pods/node-resources.ts';
import type { Container, Pod } from '../pods/pod.ts';
import { chooseForPod } from './choose.ts';
import { type Machine, type MemoryEntries, placeAll } from './machine.ts';

export interface MemoryManagerOptions {
  /** The machine as it is when nothing is given. */
  fresh: Machine;
  entries: MemoryEntries;
  /** Resolves when it is durable. */
  write(machine: Machine, entries: MemoryEntries): Promise<void>;
}

/** Gives memory and huge pages of NUMA nodes to containers of Guaranteed pods (policy Static). */
export class MemoryManager implements NodeResources {
  readonly #options: MemoryManagerOptions;
  #entries: MemoryEntries;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: MemoryManagerOptions) {
    this.#options = options;
    this.#entries = options.entries;
  }

  get entries(): MemoryEntries {
    return this.#entries;
  }

  /** What there is to be given on each node, whether it is given now or not. */
  allocatable(): MemoryBlock[] {
    return [...this.#options.fresh].flatMap(([cell, { MemoryMap }]) =>
      [...(MemoryMap ?? [])].flatMap(([Type, table]) =>
        table && table.Allocatable > 0n ? [{ NUMAAffinity: [cell], Type, Size: table.Allocatable }] : [],
      ),
    );
  }

  /** The machine with all that is given. */
  get machine(): Machine {
    return placeAll(this.#options.fresh, this.#entries);
  }

  async admit(pod: Pod, { alive, running }: AdmissionFacts): Promise<void> {
    await this.#alone(async () => {
      const { uid } = pod.metadata;
      const living = [...this.#entries].filter(([other]) => alive.has(other));
      const others = new Map(living.filter(([other]) => other !== uid));
      const known = this.#entries.get(uid) ?? new Map<string, readonly MemoryBlock[]>();
      const mine = chooseForPod(pod, this.#options.fresh, others, known, running);
      const entries = new Map(living);
      if (mine.size > 0) entries.set(uid, mine);
      await this.#replace(entries);
    });
  }

  async grant({ metadata }: Pod, { name }: Container): Promise<ContainerGrant> {
    const blocks = this.#entries.get(metadata.uid)?.get(name) ?? [];
    const cells = new Set(blocks.flatMap(({ NUMAAffinity }) => NUMAAffinity ?? []));
    if (cells.size === 0) return nothingGranted;
    return { ...nothingGranted, cpusetMems: [...cells].sort((a, b) => Number(a - b)).join(',') };
  }

  async release(podUid: string): Promise<void> {
    await this.#alone(async () => {
      if (!this.#entries.has(podUid)) return;
      await this.#replace(new Map([...this.#entries].filter(([uid]) => uid !== podUid)));
    });
  }

  async #replace(entries: MemoryEntries): Promise<void> {
    if (plain(entries) === plain(this.#entries)) return;
    // On disk before anybody is told: what a crash forgets has never been given.
    await this.#options.write(placeAll(this.#options.fresh, entries), entries);
    this.#entries = entries;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

function plain(entries: MemoryEntries): string {
  const all = [...entries].map(([uid, containers]) => [uid, [...containers]]);
  return JSON.stringify(all, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}
