import type { CpuManagerState } from './cpu-manager.ts';
import { cpusOf, formatCpuSet, parseCpuSet, union } from './cpuset.ts';
import type { DeviceManagerState } from './device-manager.ts';
import type { MemoryBlock, MemoryManagerState, MemoryTable } from './memory-manager.ts';

type Pods = ReadonlySet<string>;

/**
 * The content of a file, in whatever version, without the entries of `gone` pods. What they had goes back to
 * where the kubelet would put it. Undefined when the file has nothing of them, or does not name pods.
 */
export function dropPods(kind: string, value: unknown, gone: Pods): unknown {
  if (kind === 'cpu-manager') return dropFromCpus(value as CpuManagerState, gone);
  if (kind === 'memory-manager') return dropFromMemory(value as MemoryManagerState, gone);
  if (kind === 'device-manager') return dropFromDevices(value as DeviceManagerState, gone);
  if (kind === 'dra-manager') return dropFromClaims(value as Claims, gone);
  return dropFromEntries(value as Entries, gone);
}

function dropFromCpus(state: CpuManagerState, gone: Pods): CpuManagerState | undefined {
  let shared = parseCpuSet(state.DefaultCPUSet);
  const entries = new Map(state.Entries);
  for (const [pod, containers] of entries) {
    // V1 names containers, not pods.
    if (!gone.has(pod) || !(containers instanceof Map)) continue;
    for (const text of containers.values()) shared = union(shared, parseCpuSet(text));
    entries.delete(pod);
  }
  const pods = state.PodEntries && new Map(state.PodEntries);
  for (const [pod, { CPUSet }] of pods ?? []) {
    if (!gone.has(pod)) continue;
    shared = union(shared, cpusOf(CPUSet));
    pods?.delete(pod);
  }
  const before = (state.Entries?.size ?? 0) + (state.PodEntries?.size ?? 0);
  if (entries.size + (pods?.size ?? 0) === before) return undefined;
  return {
    ...state,
    DefaultCPUSet: formatCpuSet(shared),
    Entries: entries,
    ...(pods === undefined ? {} : { PodEntries: pods }),
  };
}

function dropFromMemory(state: MemoryManagerState, gone: Pods): MemoryManagerState | undefined {
  const [entries, containers] = without(state.Entries, gone);
  const [pods, whole] = without(state.PodEntries ?? null, gone);
  if (containers.length + whole.length === 0) return undefined;
  const result = { ...state, MachineState: copyMachine(state), Entries: entries };
  if (state.PodEntries !== undefined) result.PodEntries = pods;
  for (const pod of containers) for (const blocks of pod?.values() ?? []) giveBack(result, blocks);
  for (const { MemoryBlocks } of whole) giveBack(result, MemoryBlocks);
  return result;
}

function copyMachine({ MachineState }: MemoryManagerState): MemoryManagerState['MachineState'] {
  if (MachineState === null) return null;
  const tables = (map: Map<string, MemoryTable | null> | null) =>
    map && new Map([...map].map(([name, table]) => [name, table && { ...table }]));
  return new Map(
    [...MachineState].map(([id, node]) => [id, node && { ...node, MemoryMap: tables(node.MemoryMap) }]),
  );
}

/** As the kubelet does it: a block's size is taken off what its nodes have reserved, node after node. */
function giveBack(state: MemoryManagerState, blocks: readonly MemoryBlock[] | null): void {
  for (const { NUMAAffinity, Type, Size } of blocks ?? []) {
    let left = Size;
    for (const id of NUMAAffinity ?? []) {
      const node = state.MachineState?.get(id);
      const table = node?.MemoryMap?.get(Type);
      if (!node || !table) continue;
      node.NumberOfAssignments -= 1n;
      if (node.NumberOfAssignments <= 0n) {
        node.NumberOfAssignments = 0n;
        node.Cells = [id];
      }
      let share = table.Reserved;
      if (left < share) share = left;
      table.Reserved -= share;
      table.Free += share;
      left -= share;
    }
  }
}

function dropFromDevices(state: DeviceManagerState, gone: Pods): DeviceManagerState | undefined {
  const entries = state.Data.PodDeviceEntries;
  const kept = entries?.filter((entry) => !gone.has(entry.PodUID)) ?? null;
  if (kept === null || kept.length === entries?.length) return undefined;
  // With no entry left the kubelet writes null.
  return { ...state, Data: { ...state.Data, PodDeviceEntries: kept.length > 0 ? kept : null } };
}

interface Claim {
  PodUIDs: Map<string, unknown> | null;
}
interface Claims {
  Entries?: Claim[] | null;
  ClaimInfoStateList?: Claim[] | null;
}

/** A claim stays even when nobody uses it any more: the kubelet has to unprepare its devices. */
function dropFromClaims(state: Claims, gone: Pods): Claims | undefined {
  const name = state.ClaimInfoStateList === undefined ? 'Entries' : 'ClaimInfoStateList';
  let dropped = 0;
  const claims = (state[name] ?? []).map((claim) => {
    const [users, out] = without(claim.PodUIDs, gone);
    dropped += out.length;
    return { ...claim, PodUIDs: users };
  });
  return dropped > 0 ? { ...state, [name]: claims } : undefined;
}

interface Entries {
  AllocationEntries?: Map<string, unknown> | null;
  ResizeStatusEntries?: Map<string, unknown> | null;
  Entries?: Map<string, unknown> | null;
}

function dropFromEntries(state: Entries, gone: Pods): Entries | undefined {
  const result: Entries = { ...state };
  let dropped = 0;
  for (const name of ['AllocationEntries', 'ResizeStatusEntries', 'Entries'] as const) {
    const entries = state[name];
    if (!(entries instanceof Map)) continue;
    const [kept, out] = without(entries, gone);
    dropped += out.length;
    result[name] = kept;
  }
  return dropped > 0 ? result : undefined;
}

function without<V>(entries: Map<string, V> | null, gone: Pods): [kept: Map<string, V> | null, out: V[]] {
  if (entries === null) return [null, []];
  const kept = new Map<string, V>();
  const out: V[] = [];
  for (const [uid, value] of entries) {
    if (gone.has(uid)) out.push(value);
    else kept.set(uid, value);
  }
  return [kept, out];
}
