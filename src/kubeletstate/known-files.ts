import { fold } from '../checkpointmanager/members.ts';
import { podActuationKind, podAllocationKind, podStatusKind } from './allocation.ts';
import { cpuManagerKind } from './cpu-manager.ts';
import { deviceManagerKind } from './device-manager.ts';
import { criDockerdKind, dockershimKind } from './dockershim.ts';
import { draManagerKind } from './dra.ts';
import { memoryManagerKind } from './memory-manager.ts';
import { bootstrapPodKind } from './pods.ts';
import type { StateKind } from './state-kind.ts';

/** A file with a fixed place below the kubelet's root directory. */
export interface KnownFile {
  /** Relative to the root directory. */
  readonly path: string;
  /** Undefined for files that are kept without the checkpoint manager: plain JSON, no checksum. */
  readonly kind: StateKind | undefined;
  readonly title: string;
}

export const knownFiles: readonly KnownFile[] = [
  place('cpu_manager_state', cpuManagerKind),
  place('memory_manager_state', memoryManagerKind),
  place('device-plugins/kubelet_internal_checkpoint', deviceManagerKind),
  place('dra_manager_state', draManagerKind),
  place('pod_status_manager_state', podStatusKind),
  place('allocated_pods_state', podAllocationKind),
  place('actuated_pods_state', podActuationKind),
  { path: 'dra_health_state', kind: undefined, title: 'health of claimed devices (plain JSON, no checksum)' },
  {
    path: 'graceful_node_shutdown_state',
    kind: undefined,
    title: 'progress of a node shutdown (plain JSON, no checksum)',
  },
  {
    path: 'checkpoints/checkpointed.pods',
    kind: undefined,
    title: 'list of checkpointed pods (plain JSON, no checksum)',
  },
];

/** A folder in which every file is of one kind; `path` is relative to the parent of the kubelet's root. */
export interface KnownFolder {
  readonly path: string;
  readonly kind: StateKind;
}

export const knownFolders: readonly KnownFolder[] = [
  { path: 'dockershim/sandbox', kind: dockershimKind },
  { path: 'cri-dockerd/sandbox', kind: criDockerdKind },
];

export const stateKinds: readonly StateKind[] = [
  ...knownFiles.flatMap(({ kind }) => kind ?? []),
  bootstrapPodKind,
  dockershimKind,
  criDockerdKind,
];

function place(path: string, kind: StateKind): KnownFile {
  return { path, kind, title: kind.title };
}

/**
 * The kind of a file by its path, wherever the tree it is in has been copied to. Set-aside copies and earlier
 * generations (`NAME.…`) are of the kind of the file they were.
 */
export function kindByPath(path: string): KnownFile | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1).replace(/^\./, '');
  const folder = knownFolders.find((each) => path.includes(`${each.path}/`));
  if (folder) return place(folder.path, folder.kind);
  if (/^Pod_.+\.yaml$/.test(name)) return place(name, bootstrapPodKind);
  return knownFiles.find(({ path: known }) => {
    const base = known.slice(known.lastIndexOf('/') + 1);
    return name === base || name.startsWith(`${base}.`);
  });
}

/** The kinds that a file can be of by its members, where its name says nothing. */
export function kindsByMembers(members: ReadonlyMap<string, string>): readonly StateKind[] {
  const has = (name: string, type?: string): boolean => {
    const found = [...members].find(([key]) => fold(key) === fold(name));
    return found !== undefined && (type === undefined || found[1] === type);
  };
  if (has('machineState')) return [memoryManagerKind];
  if (has('policyName')) return [cpuManagerKind];
  if (has('allocationEntries') || has('resizeStatusEntries')) return [podStatusKind];
  if (has('pod', 'object')) return [bootstrapPodKind];
  if (has('namespace') && has('name')) return [dockershimKind, criDockerdKind];
  if (has('data', 'object')) return [deviceManagerKind];
  if (members.has('Data')) return [draManagerKind, podAllocationKind];
  if (has('data', 'string')) return [podAllocationKind, podStatusKind, draManagerKind];
  if (has('version') && has('checksum')) return [draManagerKind];
  return [];
}
