import { CodedError } from '../../errors/coded-error.ts';
import { checkpointContainer } from './checkpoint-container.ts';
import type { CheckpointHooks } from './hooks.ts';
import { createFromArchive, dropImages, explainRestore } from './restore-container.ts';

/** Checkpoint and restore with CRIU, for the built-in runtime. */
export function checkpointHooks(): CheckpointHooks {
  return {
    async checkpointContainer(runtime, request, signal) {
      await checkpointContainer(runtime, request, signal);
    },
    async checkpointPod() {
      throw new CodedError('unsupported', 'checkpoints of whole pods are not supported yet');
    },
    async restorePod() {
      throw new CodedError('unsupported', 'checkpoints of whole pods are not supported yet');
    },
    createFromArchive,
    async beforeRestore(runtime, container) {
      return async (failed) => {
        if (failed !== undefined) throw await explainRestore(runtime, container, failed);
        await dropImages(runtime, container);
      };
    },
  };
}
