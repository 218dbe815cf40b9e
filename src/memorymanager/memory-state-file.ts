import { type MemoryBlock, memoryManager, type NumaNodeState } from '../kubeletstate/memory-manager.ts';
import { KeptCheckpoint } from '../localfs/kept-checkpoint.ts';
import type { SetAsideReason } from '../localfs/set-aside.ts';
import type { MemoryState } from './take-over.ts';

const open = (directory: string) =>
  KeptCheckpoint.open(directory, 'memory_manager_state', memoryManager, 'v1');

/** The kubelet's file: version 1 is written, which every kubelet reads, and every version is read. */
export class MemoryStateFile {
  readonly #kept: Awaited<ReturnType<typeof open>>;

  private constructor(kept: Awaited<ReturnType<typeof open>>) {
    this.#kept = kept;
  }

  static async open(directory: string): Promise<MemoryStateFile> {
    return new MemoryStateFile(await open(directory));
  }

  get path(): string {
    return this.#kept.path;
  }

  /**
   * Undefined where there is no file.
   * @param lost is told what cannot be taken over: memory that a pod has as a whole
   * @throws CodedError where it cannot be read, or its checksum is wrong
   */
  async read(lost: (what: string) => void): Promise<MemoryState | undefined> {
    const value = await this.#kept.read();
    if (!value) return undefined;
    for (const uid of value.PodEntries?.keys() ?? []) lost(`memory of pod ${uid} as a whole`);
    const machine = new Map<bigint, NumaNodeState>();
    for (const [id, node] of value.MachineState ?? []) if (node) machine.set(id, node);
    const entries = [...(value.Entries ?? [])].map(([uid, containers]) => {
      const blocks = [...(containers ?? [])].map(([name, list]) => [name, list ?? []] as const);
      return [uid, new Map<string, readonly MemoryBlock[]>(blocks)] as const;
    });
    return { policy: value.PolicyName, machine, entries: new Map(entries) };
  }

  /** Resolves when it is durable. */
  async write({ policy, machine, entries }: MemoryState): Promise<void> {
    const containers = [...entries].map(([uid, all]) => {
      const blocks = [...all].map(([name, list]) => [name, [...list]] as const);
      return [uid, new Map(blocks)] as const;
    });
    await this.#kept.write({
      PolicyName: policy,
      MachineState: new Map(machine),
      Entries: new Map(containers),
      Checksum: 0n,
    });
  }

  /** Gives a file that is not gone another name, and goes on without it. @returns that name */
  setAside(reason: SetAsideReason): Promise<string> {
    return this.#kept.setAside(reason);
  }
}
