import { checksumType } from '../checkpointmanager/checksum.ts';
import { textField, wholeStruct } from '../checkpointmanager/checksum-rule.ts';
import { defineCheckpoint, version, versionInText } from '../checkpointmanager/define.ts';
import {
  map,
  named,
  pointer,
  slice,
  string,
  struct,
  tag,
  type ValueOf,
} from '../checkpointmanager/go-type.ts';
import { quantityType } from './quantity.ts';
import { newestMinor, oldEscapes, type StateKind } from './state-kind.ts';

const resourceList = named('v1.ResourceList', map(named('v1.ResourceName', string), quantityType));
const requirements = struct('v1.ResourceRequirements', {
  Limits: tag('limits', resourceList, 'omitempty'),
  Requests: tag('requests', resourceList, 'omitempty'),
  Claims: tag(
    'claims',
    slice(
      struct('v1.ResourceClaim', { Name: tag('name', string), Request: tag('request', string, 'omitempty') }),
    ),
    'omitempty',
  ),
});
const resizeStatus = map(string, named('v1.PodResizeStatus', string));
const sum = tag('checksum', checksumType);

const file127 = struct('state.PodResourceAllocationCheckpoint', {
  AllocationEntries: tag('allocationEntries', map(string, map(string, resourceList)), 'omitempty'),
  ResizeStatusEntries: tag('resizeStatusEntries', resizeStatus, 'omitempty'),
  Checksum: sum,
});
const file132 = struct('state.Checkpoint', { Data: tag('data', string), Checksum: sum });
const data132 = struct('state.PodResourceAllocationInfo', {
  AllocationEntries: tag('allocationEntries', map(string, map(string, requirements)), 'omitempty'),
  ResizeStatusEntries: tag('resizeStatusEntries', resizeStatus, 'omitempty'),
});
const containers = { ContainerResources: map(string, requirements) };
const data133 = struct('state.PodResourceCheckpointInfo', {
  Entries: tag('entries', map(string, struct('state.PodResourceInfo', containers)), 'omitempty'),
});
const data135 = struct('state.PodResourceCheckpointInfo', {
  Entries: tag(
    'entries',
    map(string, struct('state.PodResourceInfo', { ...containers, PodLevelResources: pointer(requirements) })),
    'omitempty',
  ),
});

type Allocation127 = ValueOf<typeof file127>;
type Allocation132 = ValueOf<typeof data132>;
type Allocation133 = ValueOf<typeof data133>;
export type AllocationState = ValueOf<typeof data135>;

/** Resources that pods were admitted with (allocation) or that were set on their containers (actuation). */
export const podAllocation = defineCheckpoint({
  name: 'pod-allocation',
  versions: [
    version({
      version: '1.27',
      type: file127,
      initial: () => ({ AllocationEntries: new Map(), ResizeStatusEntries: new Map(), Checksum: 0n }),
      checksum: wholeStruct(file127),
      encoding: oldEscapes,
    }),
    versionInText({
      version: '1.32',
      type: file132,
      inside: { field: 'Data', type: data132 },
      checksum: textField('Data'),
      up: (older: Allocation127, { lose }): Allocation132 => ({
        ResizeStatusEntries: older.ResizeStatusEntries,
        AllocationEntries: each(older.AllocationEntries, (pod, podUid) =>
          each(pod, (requests, container) => {
            lose(`${podUid}/${container}: its limits are not in the old file`);
            return { Limits: null, Requests: requests, Claims: null };
          }),
        ),
      }),
      down: (newer: Allocation132, { lose }): Allocation127 => ({
        ResizeStatusEntries: newer.ResizeStatusEntries,
        AllocationEntries: each(newer.AllocationEntries, (pod, podUid) =>
          each(pod, ({ Limits, Requests, Claims }, container) => {
            if (Limits?.size) lose(`${podUid}/${container}: its limits`);
            if (Claims?.length) lose(`${podUid}/${container}: its claims`);
            return Requests;
          }),
        ),
        Checksum: 0n,
      }),
    }),
    versionInText({
      version: '1.33',
      type: file132,
      inside: { field: 'Data', type: data133 },
      checksum: textField('Data'),
      up(older: Allocation132, { lose }): Allocation133 {
        for (const [podUid, status] of older.ResizeStatusEntries ?? [])
          lose(`${podUid}: resize status ${status}`);
        return { Entries: each(older.AllocationEntries, (pod) => ({ ContainerResources: pod })) };
      },
      down: (newer: Allocation133): Allocation132 => ({
        AllocationEntries: each(newer.Entries, (pod) => pod.ContainerResources),
        ResizeStatusEntries: null,
      }),
    }),
    versionInText({
      version: '1.35',
      type: file132,
      inside: { field: 'Data', type: data135 },
      checksum: textField('Data'),
      up: (older: Allocation133): AllocationState => ({
        Entries: each(older.Entries, (pod) => ({ ...pod, PodLevelResources: null })),
      }),
      down: (newer: AllocationState, { lose }): Allocation133 => ({
        Entries: each(newer.Entries, ({ PodLevelResources, ...pod }, podUid) => {
          if (PodLevelResources) lose(`${podUid}: resources of the pod as a whole`);
          return pod;
        }),
      }),
    }),
  ],
});

function each<A, B>(
  entries: Map<string, A> | null,
  change: (value: A, key: string) => B,
): Map<string, B> | null {
  if (entries === null) return null;
  return new Map([...entries].map(([key, value]) => [key, change(value, key)]));
}

const written: StateKind['written'] = [
  { version: '1.35', minors: [35, newestMinor] },
  { version: '1.33', minors: [33, 34] },
  { version: '1.32', minors: [32, 32] },
  { version: '1.27', minors: [27, 31] },
];

function readerVersion(minor: number): string {
  return written.find(({ minors }) => minor >= minors[0])?.version ?? '1.27';
}

function restoreFailure(cause: string, what: string, path: string): string {
  return (
    `could not restore state from checkpoint: ${cause}, please drain this node and delete ${what} checkpoint ` +
    `file "${path}" before restarting Kubelet`
  );
}

const shared = {
  definition: podAllocation,
  readers: (minor: number) => [{ version: readerVersion(minor) }],
  reports: () => 'first' as const,
};

/** `pod_status_manager_state`, of 1.27 to 1.32. The kubelet panics over a bad one. */
export const podStatusKind: StateKind = {
  ...shared,
  kind: 'pod-status',
  title: 'resources that pods were admitted with (until 1.32)',
  minors: [27, 32],
  written: written.slice(2),
  failure: (_minor, cause, path) => ({
    starts: false,
    message: `panic: ${restoreFailure(cause, 'pod allocation', path)}`,
  }),
};

/** `allocated_pods_state`, since 1.33. */
export const podAllocationKind: StateKind = {
  ...shared,
  kind: 'pod-allocation',
  title: 'resources that pods were admitted with',
  minors: [33, newestMinor],
  written: written.slice(0, 2),
  failure: (_minor, cause, path) => ({
    starts: false,
    message: `panic: Failed to initialize allocation checkpoint manager: ${restoreFailure(cause, 'pod resource information', path)}`,
  }),
};

/** `actuated_pods_state`, since 1.33. */
export const podActuationKind: StateKind = {
  ...shared,
  kind: 'pod-actuation',
  title: 'resources that were set on containers',
  minors: [33, newestMinor],
  written: written.slice(0, 2),
  failure: (minor, cause, path) => {
    const message = restoreFailure(cause, 'pod resource information', path);
    return {
      starts: false,
      message:
        minor >= 36 ? `failed to initialize actuated state checkpoint: ${message}` : `panic: ${message}`,
    };
  },
};
