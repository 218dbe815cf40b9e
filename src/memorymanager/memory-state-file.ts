import { join } from 'node:path';
import { DefinedCheckpoint } from '../checkpointmanager/defined-checkpoint.ts';
import { CheckpointNotFoundError } from '../checkpointmanager/errors.ts';
import { type Checkpoint, CheckpointManager } from '../checkpointmanager/manager.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { type MemoryBlock, memoryManager, type NumaNodeState } from '../kubeletstate/memory-manager.ts';
import { FileStore } from '../localfs/file-store.ts';
import { replaceSettingAside, type SetAsideReason } from '../localfs/set-aside.ts';
import type { MemoryState } from './take-over.ts';

const key = 'memory_manager_state';

/** The kubelet's file: version 1 is written, which every kubelet reads, and every version is read. */
export class MemoryStateFile {
  readonly #directory: string;
  readonly #manager: CheckpointManager;

  private constructor(directory: string, manager: CheckpointManager) {
    this.#directory = directory;
    this.#manager = manager;
  }

  static async open(directory: string): Promise<MemoryStateFile> {
    return new MemoryStateFile(directory, new CheckpointManager(await FileStore.open(directory)));
  }

  get path(): string {
    return join(this.#directory, key);
  }

  /**
   * Undefined where there is no file.
   * @param lost is told what cannot be taken over: memory that a pod has as a whole
   * @throws CodedError where it cannot be read, or its checksum is wrong
   */
  async read(lost: (what: string) => void): Promise<MemoryState | undefined> {
    const kept = new DefinedCheckpoint(memoryManager);
    try {
      await this.#manager.getCheckpoint(key, kept);
    } catch (error) {
      if (error instanceof CheckpointNotFoundError) return undefined;
      throw error;
    }
    const { value } = kept;
    if (!value) throw new CodedError('corrupt', `${this.path} has no content`);
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
  async write(state: MemoryState): Promise<void> {
    await this.#manager.createCheckpoint(key, new Written(state));
  }

  /** Gives a file that is not gone another name, and goes on without it. @returns that name */
  async setAside(reason: SetAsideReason): Promise<string> {
    return replaceSettingAside(this.path, undefined, reason, new Date()).catch((error: unknown) =>
      messageOf(error),
    );
  }
}

/** State on its way to the disk. */
class Written implements Checkpoint {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  marshalCheckpoint(): Uint8Array {
    const { policy, machine, entries } = this.#state;
    const containers = [...entries].map(([uid, all]) => {
      const blocks = [...all].map(([name, list]) => [name, [...list]] as const);
      return [uid, new Map(blocks)] as const;
    });
    return memoryManager.encode(
      { PolicyName: policy, MachineState: new Map(machine), Entries: new Map(containers), Checksum: 0n },
      'v1',
    );
  }

  unmarshalCheckpoint(): void {
    throw new CodedError('internal', 'this is only written');
  }

  verifyChecksum(): void {}
}
