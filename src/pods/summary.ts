import type { ContainerSummary, PodPhase, PodSummary } from '../api/stasis.ts';
import { memoryOfContainer, memoryOfPod } from './memory-wanted.ts';
import { containersIn, isFinished, newest } from './next-step.ts';
import { type Container, isSidecar, lastingContainers, type Pod } from './pod.ts';
import type { ActualContainer, ActualPod } from './pod-runtime.ts';
import type { PodRecord } from './pod-store.ts';

/** What is known of a pod besides what its runtime says. */
export interface PodHealth {
  /** Last thing that went wrong, or empty. */
  message: string;
  /** Of a running container, by its runtime's id. */
  isReady(id: string, container: Container): boolean;
  /** What its probes complain of, or empty. */
  complaint(id: string): string;
}

/** What a client is told of a pod. */
export function summaryOf(record: PodRecord, actual: ActualPod, health: PodHealth): PodSummary {
  const { pod } = record;
  const sandbox = actual.sandboxes.find(({ ready }) => ready) ?? actual.sandboxes[0];
  const containers = sandbox ? containersIn(actual, sandbox) : [];
  const summaries = [
    ...(pod.spec.initContainers ?? []).map((item) => containerSummary(item, containers, true, health)),
    ...pod.spec.containers.map((item) => containerSummary(item, containers, false, health)),
  ];
  const lasting = new Set(lastingContainers(pod).map(({ name }) => name));
  return {
    namespace: pod.metadata.namespace,
    name: pod.metadata.name,
    uid: pod.metadata.uid,
    phase: record.drained ? 'Stopped' : phaseOf(pod, containers),
    sandboxId: sandbox?.id ?? '',
    source: record.manifest ? 'file' : 'checkpoint',
    restored: record.restoredFrom !== undefined && !record.restoring,
    ready: summaries.every(({ name, ready }) => ready || !lasting.has(name)),
    message: health.message,
    containers: summaries,
    memory: memoryOfPod(pod),
  };
}

function containerSummary(
  container: Container,
  containers: readonly ActualContainer[],
  init: boolean,
  { isReady, complaint }: PodHealth,
): ContainerSummary {
  const { name, image } = container;
  const found = newest(containers, name);
  const ready = found?.state === 'running' && isReady(found.id, container);
  const message = found?.state === 'running' ? complaint(found.id) : '';
  return {
    name,
    image,
    id: found?.id ?? '',
    state: found?.state ?? 'waiting',
    restarts: found?.restarts ?? 0,
    ...(found?.exitCode === undefined ? {} : { exitCode: found.exitCode }),
    init,
    ready,
    ...(isSidecar(container) ? { sidecar: true } : {}),
    ...(message === '' ? {} : { message }),
    memory: memoryOfContainer(container),
  };
}

function phaseOf(pod: Pod, containers: readonly ActualContainer[]): PodPhase {
  if (isFinished(pod, containers)) {
    const sidecars = new Set((pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
    // How sidecars ended says nothing: they are ended when the others are done.
    const counted = containers.filter(({ name }) => !sidecars.has(name));
    return counted.every(({ exitCode }) => exitCode === 0) ? 'Succeeded' : 'Failed';
  }
  const begun = pod.spec.containers.every(({ name }) => {
    const state = newest(containers, name)?.state;
    return state === 'running' || state === 'exited' || state === 'unknown';
  });
  return begun ? 'Running' : 'Pending';
}
