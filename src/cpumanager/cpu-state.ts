import { join } from 'node:path';
import { DefinedCheckpoint } from '../checkpointmanager/defined-checkpoint.ts';
import { CheckpointNotFoundError } from '../checkpointmanager/errors.ts';
import { type Checkpoint, CheckpointManager } from '../checkpointmanager/manager.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { cpuManager } from '../kubeletstate/cpu-manager.ts';
import { type CpuSet, formatCpuSet, parseCpuSet } from '../kubeletstate/cpuset.ts';
import { FileStore } from '../localfs/file-store.ts';
import { replaceSettingAside, type SetAsideReason } from '../localfs/set-aside.ts';

export type CpuPolicy = 'none' | 'static';

/** Who has which CPUs. */
export interface CpuAssignments {
  policy: string;
  shared: CpuSet;
  /** Pod uid → container → its own CPUs. */
  owned: ReadonlyMap<string, ReadonlyMap<string, CpuSet>>;
}

const key = 'cpu_manager_state';

/** The kubelet's file: version 2 is written, every version is read that names pods. */
export class CpuStateFile {
  readonly #directory: string;
  readonly #manager: CheckpointManager;

  private constructor(directory: string, manager: CheckpointManager) {
    this.#directory = directory;
    this.#manager = manager;
  }

  static async open(directory: string): Promise<CpuStateFile> {
    return new CpuStateFile(directory, new CheckpointManager(await FileStore.open(directory)));
  }

  get path(): string {
    return join(this.#directory, key);
  }

  /**
   * Undefined where there is no file.
   * @param lost is told what cannot be taken over: CPUs that a pod has as a whole
   * @throws CodedError where it cannot be read, or its checksum is wrong
   */
  async read(lost: (what: string) => void): Promise<CpuAssignments | undefined> {
    const kept = new DefinedCheckpoint(cpuManager);
    try {
      await this.#manager.getCheckpoint(key, kept);
    } catch (error) {
      if (error instanceof CheckpointNotFoundError) return undefined;
      throw error;
    }
    const { value } = kept;
    if (!value) throw new CodedError('corrupt', `${this.path} has no content`);
    for (const uid of value.PodEntries?.keys() ?? []) lost(`CPUs of pod ${uid} as a whole`);
    const owned = [...(value.Entries ?? [])].map(
      ([uid, containers]) =>
        [uid, new Map([...(containers ?? [])].map(([name, text]) => [name, parseCpuSet(text)]))] as const,
    );
    return { policy: value.PolicyName, shared: parseCpuSet(value.DefaultCPUSet), owned: new Map(owned) };
  }

  /** Resolves when it is durable. */
  async write(assignments: CpuAssignments): Promise<void> {
    await this.#manager.createCheckpoint(key, new Written(assignments));
  }

  /** Gives a file that is not gone by another name, and goes on without it. @returns that name */
  async setAside(reason: SetAsideReason): Promise<string> {
    return replaceSettingAside(this.path, undefined, reason, new Date()).catch((error: unknown) =>
      messageOf(error),
    );
  }
}

/** Assignments on their way to the disk. */
class Written implements Checkpoint {
  readonly #assignments: CpuAssignments;

  constructor(assignments: CpuAssignments) {
    this.#assignments = assignments;
  }

  marshalCheckpoint(): Uint8Array {
    const { policy, shared, owned } = this.#assignments;
    const entries = [...owned].map(
      ([uid, containers]) =>
        [uid, new Map([...containers].map(([name, cpus]) => [name, formatCpuSet(cpus)]))] as const,
    );
    return cpuManager.encode(
      { PolicyName: policy, DefaultCPUSet: formatCpuSet(shared), Entries: new Map(entries), Checksum: 0n },
      'v2',
    );
  }

  unmarshalCheckpoint(): void {
    throw new CodedError('internal', 'this is only written');
  }

  verifyChecksum(): void {}
}
