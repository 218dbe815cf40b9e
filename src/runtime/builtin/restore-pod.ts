import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { tcpClose } from '../../api/cri-options.ts';
import { CodedError } from '../../errors/coded-error.ts';
import type { ContainerConfig, RestorePodRequest } from '../../gen/cri/v1/api_pb.ts';
import { privateDirectory } from '../../localfs/atomic-file.ts';
import { criuOptions } from './checkpoint-pod.ts';
import { openScratch } from './checkpoint-scratch.ts';
import { criuFacts } from './criu.ts';
import { Deadline } from './deadline.ts';
import type { BuiltinRuntime } from './hooks.ts';
import { matchedConfigs, podArchives, refuseMismatch } from './pod-archives.ts';
import { isTrue } from './pod-folder.ts';
import { type UnpackedArchive, unpackArchive } from './restore-archive.ts';
import { createRestored } from './restore-container.ts';

const restoreMs = 600_000;

export interface RestoredPod {
  sandboxId: string;
  restored: { name: string; containerId: string }[];
}

/**
 * CRI's RestorePod: a new sandbox and, in it, the containers of a checkpoint that `checkpointPod` wrote. They are
 * CREATED; starting one resumes it, and packets inside the pod are held back until the last was started. The
 * checkpoint is only read. On failure nothing of the new pod is left.
 * @throws CodedError `invalid-argument` and `failed-precondition` for what does not fit, `corrupt` naming the
 *   member, `not-found`.
 */
export async function restorePod(
  runtime: BuiltinRuntime,
  request: RestorePodRequest,
  signal: AbortSignal,
): Promise<RestoredPod> {
  const { config, checkpointPath, runtimeHandler } = request;
  if (config === undefined) throw new CodedError('invalid-argument', 'config is missing');
  const { [tcpClose]: close = 'false', ...others } = request.options;
  const closeConnections = isTrue(tcpClose, close);
  criuOptions(others);
  const deadline = new Deadline(`restoring pod ${config.metadata?.name}`, restoreMs, signal);
  await criuFacts('criu', deadline.call());
  const archives = await podArchives(checkpointPath);
  const configs = matchedConfigs(archives, request.containerConfigs);
  const scratch = await openScratch(runtime.paths);
  try {
    const unpacked: [ContainerConfig, UnpackedArchive][] = [];
    for (const [name, one] of configs) {
      const folder = join(scratch.path, String(unpacked.length));
      await mkdir(folder, { mode: privateDirectory });
      const archive = await unpackArchive(join(checkpointPath, archives.get(name) ?? ''), folder, deadline);
      refuseMismatch(name, one, archive.spec.process);
      unpacked.push([one, archive]);
    }
    const sandbox = await runtime.runSandbox(config, runtimeHandler, signal);
    try {
      const restored: RestoredPod['restored'] = [];
      for (const [one, archive] of unpacked) {
        const { id } = await createRestored(runtime, sandbox, one, archive, deadline, closeConnections);
        restored.push({ name: one.metadata?.name ?? '', containerId: id });
      }
      return { sandboxId: sandbox.id, restored };
    } catch (error) {
      await runtime.removeSandbox(sandbox.id);
      throw error;
    }
  } finally {
    await scratch.close();
  }
}
