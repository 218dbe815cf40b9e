import { CodedError } from '../errors/coded-error.ts';
import { type CpuSet, difference, formatCpuSet, intersection, union } from '../kubeletstate/cpuset.ts';
import { type ContainerGrant, nothingGranted } from '../pods/container-grant.ts';
import type { AdmissionFacts, NodeResources } from '../pods/node-resources.ts';
import { allContainers, type Container, isSidecar, type Pod } from '../pods/pod.ts';
import type { CpuAssignments } from './cpu-state.ts';
import { type CpuPlace, chooseCpus } from './topology.ts';
import { wholeCpus } from './whole-cpus.ts';

export interface CpuManagerOptions {
  places: readonly CpuPlace[];
  /** CPUs that no container gets for itself. */
  reserved: CpuSet;
  /** With `strict-cpu-reservation` they are not shared either. */
  strictReservation: boolean;
  /** With `full-pcpus-only` a container gets whole cores or is refused. */
  fullCores: boolean;
  assignments: CpuAssignments;
  /** Resolves when the assignments are durable. */
  write(assignments: CpuAssignments): Promise<void>;
  /** Called when the CPUs of containers that run are others now. */
  changed(): void;
}

/** Gives whole CPUs to containers (policy static), or lets all of them share (policy none). */
export class CpuManager implements NodeResources {
  readonly #options: CpuManagerOptions;
  #assignments: CpuAssignments;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: CpuManagerOptions) {
    this.#options = options;
    this.#assignments = options.assignments;
  }

  get assignments(): CpuAssignments {
    return this.#assignments;
  }

  /** CPUs that containers may get for themselves, whether one has them now or not. */
  allocatable(): CpuSet {
    return difference(this.#online(), this.#options.reserved);
  }

  /** The CPUs of a container; undefined where the policy says nothing. */
  cpusetOf(uid: string, container: string): CpuSet | undefined {
    if (this.#assignments.policy !== 'static') return undefined;
    return this.#assignments.owned.get(uid)?.get(container) ?? this.#assignments.shared;
  }

  async admit(pod: Pod, { alive }: AdmissionFacts): Promise<void> {
    if (this.#assignments.policy !== 'static') return;
    await this.#alone(async () => {
      const before = this.#assignments;
      const living = new Map([...before.owned].filter(([uid]) => alive.has(uid)));
      const known = living.get(pod.metadata.uid) ?? new Map<string, CpuSet>();
      const mine = this.#chosen(pod, known, living);
      const owned = new Map(living);
      if (mine.size > 0) owned.set(pod.metadata.uid, mine);
      await this.#replace(owned);
    });
  }

  async grant(pod: Pod, container: Container): Promise<ContainerGrant> {
    const cpus = this.cpusetOf(pod.metadata.uid, container.name);
    return cpus === undefined ? nothingGranted : { ...nothingGranted, cpusetCpus: formatCpuSet(cpus) };
  }

  async release(podUid: string): Promise<void> {
    await this.#alone(async () => {
      if (!this.#assignments.owned.has(podUid)) return;
      await this.#replace(new Map([...this.#assignments.owned].filter(([uid]) => uid !== podUid)));
    });
  }

  /** What each container of the pod gets: what it has, else new ones; those of init containers that end serve twice. */
  #chosen(
    pod: Pod,
    known: ReadonlyMap<string, CpuSet>,
    others: ReadonlyMap<string, ReadonlyMap<string, CpuSet>>,
  ): Map<string, CpuSet> {
    const mine = new Map(known);
    const ending = new Set(
      (pod.spec.initContainers ?? []).filter((item) => !isSidecar(item)).map(({ name }) => name),
    );
    const foreign = [...others]
      .filter(([uid]) => uid !== pod.metadata.uid)
      .flatMap(([, all]) => [...all.values()]);
    const taken = foreign.reduce<CpuSet>((all, cpus) => union(all, cpus), []);
    for (const container of allContainers(pod)) {
      const count = wholeCpus(pod, container);
      if (count === 0 || mine.has(container.name)) continue;
      const lasting = [...mine].filter(([name]) => !ending.has(name)).flatMap(([, cpus]) => cpus);
      const passed = [...mine].filter(([name]) => ending.has(name)).flatMap(([, cpus]) => cpus);
      const free = difference(difference(this.allocatable(), taken), lasting);
      mine.set(container.name, this.#choose(free, count, intersection(passed, free)));
    }
    return mine;
  }

  #choose(free: CpuSet, count: number, first: CpuSet): CpuSet {
    const { places, fullCores } = this.#options;
    const threads = Math.max(1, ...[...countBy(places.map(({ core }) => core)).values()]);
    if (fullCores && count % threads !== 0) {
      throw new CodedError(
        'resource-exhausted',
        `SMT Alignment Error: requested ${count} cpus not multiple cpus per core = ${threads}`,
        { data: { reason: 'SMTAlignmentError' } },
      );
    }
    const chosen = chooseCpus(places, free, count, first);
    if (chosen) return chosen;
    throw new CodedError(
      'resource-exhausted',
      `not enough cpus available to satisfy request: requested=${count}, available=${free.length}`,
    );
  }

  async #replace(owned: ReadonlyMap<string, ReadonlyMap<string, CpuSet>>): Promise<void> {
    const { strictReservation, reserved } = this.#options;
    const taken = [...owned.values()].flatMap((containers) => [...containers.values()].flat());
    const shared = difference(difference(this.#online(), taken), strictReservation ? reserved : []);
    const next = { policy: 'static', shared, owned };
    if (plain(next) === plain(this.#assignments)) return;
    // On disk before anybody is told: what a crash forgets has never been given.
    await this.#options.write(next);
    this.#assignments = next;
    this.#options.changed();
  }

  #online(): CpuSet {
    return this.#options.places.map(({ cpu }) => cpu);
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

function countBy(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function plain({ shared, owned }: CpuAssignments): string {
  return JSON.stringify([shared, [...owned].map(([uid, containers]) => [uid, [...containers]])]);
}
