import { ContainerState, PodSandboxState } from '../../gen/cri/v1/api_pb.ts';
import { refresh } from './container-end.ts';
import type { Machine } from './machine.ts';
import { type ContainerRecord, phaseOf, type SandboxRecord } from './records.ts';

interface PodFilter {
  id?: string;
  state?: { state: PodSandboxState } | undefined;
  labelSelector?: Readonly<Record<string, string>>;
}

interface AnyContainerFilter {
  id?: string;
  podSandboxId?: string;
  state?: { state: ContainerState } | undefined;
  labelSelector?: Readonly<Record<string, string>>;
}

const stateNumbers = {
  created: ContainerState.CONTAINER_CREATED,
  running: ContainerState.CONTAINER_RUNNING,
  exited: ContainerState.CONTAINER_EXITED,
} as const;

/** Pods for which all that the filter sets is so. */
export function sandboxesMatching(machine: Machine, filter: PodFilter | undefined): SandboxRecord[] {
  return machine.sandboxes.all().filter((record) => {
    const state = record.state === 'ready' ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY;
    return (
      record.making !== true &&
      begins(record.id, filter?.id) &&
      (filter?.state === undefined || filter.state.state === state) &&
      labelled(record.config.labels, filter?.labelSelector)
    );
  });
}

/** Containers, each looked at afresh, for which all that the filter sets is so. */
export async function containersMatching(
  machine: Machine,
  filter: AnyContainerFilter | undefined,
): Promise<ContainerRecord[]> {
  const found = machine.containers
    .all()
    .filter(
      (record) =>
        begins(record.id, filter?.id) &&
        begins(record.sandboxId, filter?.podSandboxId) &&
        labelled(record.config.labels, filter?.labelSelector),
    );
  await Promise.all(found.map((record) => refresh(machine, record)));
  const { state } = filter ?? {};
  return state === undefined
    ? found
    : found.filter((record) => stateNumbers[phaseOf(record)] === state.state);
}

function begins(id: string, wanted: string | undefined): boolean {
  return wanted === undefined || id.startsWith(wanted);
}

function labelled(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(wanted ?? {}).every(
    ([key, value]) => Object.hasOwn(labels, key) && labels[key] === value,
  );
}
