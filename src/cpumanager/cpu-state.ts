import { cpuManager } from '../kubeletstate/cpu-manager.ts';
import { type CpuSet, formatCpuSet, parseCpuSet } from '../kubeletstate/cpuset.ts';
import { KeptCheckpoint } from '../localfs/kept-checkpoint.ts';
import type { SetAsideReason } from '../localfs/set-aside.ts';

export type CpuPolicy = 'none' | 'static';

/** Who has which CPUs. */
export interface CpuAssignments {
  policy: string;
  shared: CpuSet;
  /** Pod uid → container → its own CPUs. */
  owned: ReadonlyMap<string, ReadonlyMap<string, CpuSet>>;
}

const open = (directory: string) => KeptCheckpoint.open(directory, 'cpu_manager_state', cpuManager, 'v2');

/** The kubelet's file: version 2 is written, every version is read that names pods. */
export class CpuStateFile {
  readonly #kept: Awaited<ReturnType<typeof open>>;

  private constructor(kept: Awaited<ReturnType<typeof open>>) {
    this.#kept = kept;
  }

  static async open(directory: string): Promise<CpuStateFile> {
    return new CpuStateFile(await open(directory));
  }

  get path(): string {
    return this.#kept.path;
  }

  /**
   * Undefined where there is no file.
   * @param lost is told what cannot be taken over: CPUs that a pod has as a whole
   * @throws CodedError where it cannot be read, or its checksum is wrong
   */
  async read(lost: (what: string) => void): Promise<CpuAssignments | undefined> {
    const value = await this.#kept.read();
    if (!value) return undefined;
    for (const uid of value.PodEntries?.keys() ?? []) lost(`CPUs of pod ${uid} as a whole`);
    const owned = [...(value.Entries ?? [])].map(
      ([uid, containers]) =>
        [uid, new Map([...(containers ?? [])].map(([name, text]) => [name, parseCpuSet(text)]))] as const,
    );
    return { policy: value.PolicyName, shared: parseCpuSet(value.DefaultCPUSet), owned: new Map(owned) };
  }

  /** Resolves when it is durable. */
  async write({ policy, shared, owned }: CpuAssignments): Promise<void> {
    const entries = [...owned].map(
      ([uid, containers]) =>
        [uid, new Map([...containers].map(([name, cpus]) => [name, formatCpuSet(cpus)]))] as const,
    );
    await this.#kept.write({
      PolicyName: policy,
      DefaultCPUSet: formatCpuSet(shared),
      Entries: new Map(entries),
      Checksum: 0n,
    });
  }

  /** Gives a file that is not gone another name, and goes on without it. @returns that name */
  setAside(reason: SetAsideReason): Promise<string> {
    return this.#kept.setAside(reason);
  }
}
