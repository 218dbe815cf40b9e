import type { ContainerSummary, PodPhase, PodSummary } from '../api/stasis.ts';
import { containersIn, isFinished, newest } from './next-step.ts';
import type { Container, Pod } from './pod.ts';
import type { ActualContainer, ActualPod } from './pod-runtime.ts';
import type { PodRecord } from './pod-store.ts';

/** What a client is told of a pod. */
export function summaryOf(record: PodRecord, actual: ActualPod, message: string): PodSummary {
  const { pod } = record;
  const sandbox = actual.sandboxes.find(({ ready }) => ready) ?? actual.sandboxes[0];
  const containers = sandbox ? containersIn(actual, sandbox) : [];
  return {
    namespace: pod.metadata.namespace,
    name: pod.metadata.name,
    uid: pod.metadata.uid,
    phase: record.drained ? 'Stopped' : phaseOf(pod, containers),
    sandboxId: sandbox?.id ?? '',
    source: record.manifest ? 'file' : 'checkpoint',
    restored: record.restoredFrom !== undefined && !record.restoring,
    message,
    containers: [
      ...(pod.spec.initContainers ?? []).map((item) => containerSummary(item, containers, true)),
      ...pod.spec.containers.map((item) => containerSummary(item, containers, false)),
    ],
  };
}

function containerSummary(
  { name, image }: Container,
  containers: readonly ActualContainer[],
  init: boolean,
): ContainerSummary {
  const found = newest(containers, name);
  return {
    name,
    image,
    id: found?.id ?? '',
    state: found?.state ?? 'waiting',
    restarts: found?.restarts ?? 0,
    ...(found?.exitCode === undefined ? {} : { exitCode: found.exitCode }),
    init,
  };
}

function phaseOf(pod: Pod, containers: readonly ActualContainer[]): PodPhase {
  if (isFinished(pod, containers)) {
    return containers.every(({ exitCode }) => exitCode === 0) ? 'Succeeded' : 'Failed';
  }
  const begun = pod.spec.containers.every(({ name }) => {
    const state = newest(containers, name)?.state;
    return state === 'running' || state === 'exited' || state === 'unknown';
  });
  return begun ? 'Running' : 'Pending';
}
