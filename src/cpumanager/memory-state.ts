import { join } from 'node:path';
import { DefinedCheckpoint } from '../checkpointmanager/defined-checkpoint.ts';
import { CheckpointNotFoundError } from '../checkpointmanager/errors.ts';
import { type Checkpoint, CheckpointManager } from '../checkpointmanager/manager.ts';
import { CodedError, isCoded, messageOf } from '../errors/coded-error.ts';
import { memoryManager } from '../kubeletstate/memory-manager.ts';
import { FileStore } from '../localfs/file-store.ts';
import { replaceSettingAside } from '../localfs/set-aside.ts';

const key = 'memory_manager_state';
const policy = 'None';

/** The file of a node that gives no memory by NUMA node: version 1, which every kubelet reads. */
const nothingGiven: Checkpoint = {
  marshalCheckpoint: () =>
    memoryManager.encode(
      { PolicyName: policy, MachineState: new Map(), Entries: new Map(), Checksum: 0n },
      'v1',
    ),
  unmarshalCheckpoint() {
    throw new CodedError('internal', 'this is only written');
  },
  verifyChecksum() {},
};

/**
 * Keeps the kubelet's file of memory for the policy None. A file of another policy, or a broken one, gets another
 * name and is explained.
 * @returns one sentence for each thing that was wrong
 */
export async function keepMemoryState(directory: string): Promise<string[]> {
  const manager = new CheckpointManager(await FileStore.open(directory));
  const path = join(directory, key);
  const explanations: string[] = [];
  const aside = async (reason: 'corrupt' | 'reset') =>
    explanations.push(
      `the file is kept as ${await replaceSettingAside(path, undefined, reason, new Date())}`,
    );
  const found = new DefinedCheckpoint(memoryManager);
  try {
    await manager.getCheckpoint(key, found);
    const { PolicyName: other = '', Entries: entries } = found.value ?? {};
    if (other !== policy) {
      explanations.push(
        `the file is of the memory manager policy "${other}", here it is "${policy}": memory of ${entries?.size ?? 0} pods is not taken over`,
      );
      await aside('reset');
    }
  } catch (error) {
    if (!isCoded(error)) throw error;
    if (!(error instanceof CheckpointNotFoundError)) {
      explanations.push(messageOf(error));
      await aside('corrupt');
    }
  }
  await manager.createCheckpoint(key, nothingGiven);
  return explanations;
}
