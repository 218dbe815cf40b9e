import type { JsonObject } from '../bytes/go-json.ts';
import {
  type CheckpointedContainer,
  type CheckpointedPod,
  checkpointedContainer,
  checkpointedPod,
  entryMembers,
} from '../kubeletstate/checkpointed-pods.ts';
import { terminationMessagePath } from './cri-config.ts';
import { newest } from './next-step.ts';
import { allContainers, gracePeriod } from './pod.ts';
import type { PodDirectories } from './pod-directories.ts';
import type { ActualContainer, ActualSandbox } from './pod-runtime.ts';
import type { PodRecord } from './pod-store.ts';

/**
 * What `checkpointed.pods` says of a pod that was captured.
 * @param node.nodeId identity of this root directory
 * @param running containers that were captured
 * @param how.frozen microseconds for which the pod stood still, where the runtime tells
 * @param how.drain whether the pod is ended after its checkpoint
 */
export async function listEntry(
  { directories, nodeId }: { directories: PodDirectories; nodeId: string },
  record: PodRecord,
  sandbox: ActualSandbox,
  running: readonly ActualContainer[],
  { frozen, drain }: { frozen: number | undefined; drain: boolean },
): Promise<CheckpointedPod> {
  const { pod } = record;
  const extra: JsonObject = new Map([[entryMembers.node, nodeId]]);
  if (frozen !== undefined) extra.set(entryMembers.frozenMicroseconds, String(frozen));
  if (drain) extra.set(entryMembers.drained, new Date().toISOString());
  const containers: CheckpointedContainer[] = [];
  for (const container of allContainers(pod)) {
    const found = newest(running, container.name);
    if (!found) continue;
    containers.push(
      checkpointedContainer({
        name: container.name,
        image: container.image,
        id: found.id,
        restartCount: found.restarts,
        terminationMessagePath: terminationMessagePath(container),
        terminationMessagePolicy: container.terminationMessagePolicy ?? 'File',
        terminationMessagePathUID: await directories.terminationLogId(pod, container),
      }),
    );
  }
  return checkpointedPod({
    uid: pod.metadata.uid,
    sandboxId: sandbox.id,
    name: pod.metadata.name,
    namespace: pod.metadata.namespace,
    terminationGracePeriod: gracePeriod(pod),
    configSource: record.manifest ? 'file' : 'checkpoint',
    configSeen: record.seen,
    manager: 'stasis',
    containers,
    extra,
  });
}
