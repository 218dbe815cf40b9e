import { checkpointContainer } from './checkpoint-container.ts';
import { checkpointPod } from './checkpoint-pod.ts';
import { recoverScratch } from './checkpoint-scratch.ts';
import { restoreFifosOnce } from './fifo-data.ts';
import { cgroupOf, isFrozen, thaw } from './freezer.ts';
import type { BuiltinRuntime, CheckpointHooks } from './hooks.ts';
import { holdPackets, release, releasePackets } from './packet-hold.ts';
import { makePidNamespace } from './pid-namespace.ts';
import type { ContainerRecord, SandboxRecord } from './records.ts';
import { createFromArchive, dropImages, explainRestore } from './restore-container.ts';
import { restorePod } from './restore-pod.ts';

/** Checkpoint and restore with CRIU, for the built-in runtime. */
export function checkpointHooks(): CheckpointHooks {
  return {
    async checkpointContainer(runtime, request, signal) {
      await told(runtime, [request.containerId], () => checkpointContainer(runtime, request, signal));
    },
    async checkpointPod(runtime, request, signal) {
      await told(runtime, request.containerIds, () => checkpointPod(runtime, request, signal));
    },
    restorePod,
    createFromArchive,
    async beforeRestore(runtime, container) {
      const sandbox = runtime.sandbox(container.sandboxId);
      await makePidNamespace(runtime.paths, container.id);
      const images = container.restore?.images ?? '';
      const fifosRestored = await restoreFifosOnce(runtime.paths, sandbox.id, images);
      await holdPackets(runtime, sandbox);
      return async (failed) => {
        await afterRestore(runtime, sandbox, container, failed);
        await fifosRestored();
      };
    },
    recover,
  };
}

/** Says when the work begins and when nothing of it is left: a caller that gives up is answered before. */
async function told(
  runtime: BuiltinRuntime,
  containerIds: readonly string[],
  work: () => Promise<unknown>,
): Promise<void> {
  for (const containerId of containerIds) runtime.tell({ containerId, stage: 'begun' });
  try {
    await work();
  } finally {
    for (const containerId of containerIds) runtime.tell({ containerId, stage: 'ended' });
  }
}

async function afterRestore(
  runtime: BuiltinRuntime,
  sandbox: SandboxRecord,
  container: ContainerRecord,
  failed: unknown,
): Promise<void> {
  await releasePackets(runtime, sandbox, container.id);
  if (failed !== undefined) throw await explainRestore(runtime, container, failed);
  await dropImages(runtime, container);
}

/** Undoes what a process that was killed in the middle of a checkpoint or restore left behind. */
async function recover(
  runtime: BuiltinRuntime,
  sandboxes: readonly SandboxRecord[],
  containers: readonly ContainerRecord[],
): Promise<void> {
  await recoverScratch(runtime.paths, runtime.log);
  for (const { process, id } of containers) {
    if (process === undefined) continue;
    const cgroup = await cgroupOf(process.pid).catch(() => undefined);
    if (cgroup === undefined || !cgroup.endsWith(id) || !(await isFrozen(cgroup))) continue;
    await thaw(cgroup);
    runtime.log(`container ${id} had been left frozen; it runs again`);
  }
  for (const sandbox of sandboxes) await release(sandbox);
}
