import type { MemoryBlock, MemoryTable } from '../kubeletstate/memory-manager.ts';
import { type Machine, type MemoryEntries, place } from './machine.ts';

export type MemoryPolicy = 'None' | 'Static';

/** What the kubelet's file says. */
export interface MemoryState {
  policy: string;
  machine: Machine;
  entries: MemoryEntries;
}

export interface MemoryTakenOver {
  state: MemoryState;
  /** What was wrong with the file and what was made of it, one sentence each. */
  explanations: string[];
  /** Whether the file is of another policy: it is kept under another name. */
  reset: boolean;
}

/**
 * What a file of an earlier start means on this machine and with this configuration. Where the kubelet refuses to
 * start, this says what differs, in its words, and keeps what can be kept: nothing of a NUMA node that is gone, and no
 * more than there is.
 * @param fresh the machine as it is when nothing is given; empty for the policy None
 */
export function takeOverMemory(
  found: MemoryState | undefined,
  policy: MemoryPolicy,
  fresh: Machine,
): MemoryTakenOver {
  const start = { policy, machine: fresh, entries: new Map() };
  if (!found) return { state: start, explanations: [], reset: false };
  if (found.policy !== policy) {
    const explanation = `the file is of the memory manager policy "${found.policy}", here it is "${policy}": memory of ${found.entries.size} pods is not taken over`;
    return { state: start, explanations: [explanation], reset: true };
  }
  if (policy === 'None') return { state: start, explanations: [], reset: false };
  const explanations = differences(found, fresh);
  const { machine, entries } = kept(found.entries, fresh, explanations);
  return { state: { policy, machine, entries }, explanations, reset: false };
}

function kept(found: MemoryEntries, fresh: Machine, explanations: string[]) {
  let machine = fresh;
  const entries = new Map<string, ReadonlyMap<string, readonly MemoryBlock[]>>();
  for (const [uid, containers] of found) {
    const mine = new Map<string, readonly MemoryBlock[]>();
    for (const [name, blocks] of containers) {
      // All blocks of a container, or none.
      let next: Machine | string = machine;
      for (const block of blocks) if (typeof next !== 'string') next = place(next, block);
      if (typeof next === 'string') {
        explanations.push(
          `[memorymanager] (pod: ${uid}, container: ${name}) ${next}: it gets memory anew when its pod is admitted`,
        );
      } else {
        machine = next;
        mine.set(name, blocks);
      }
    }
    if (mine.size > 0) entries.set(uid, mine);
  }
  return { machine, entries };
}

const sizes = [
  ['total', 'TotalMemSize'],
  ['systemReserved', 'SystemReserved'],
  ['allocatable', 'Allocatable'],
] as const satisfies readonly (readonly [string, keyof MemoryTable])[];

/** How the machine of the file is another than this one, apart from what is given of it. */
function differences({ machine, entries }: MemoryState, fresh: Machine): string[] {
  if (machine.size === 0) {
    return entries.size === 0
      ? []
      : ['[memorymanager] machine state can not be empty when it has memory assignments'];
  }
  const found: string[] = [];
  for (const id of new Set([...machine.keys(), ...fresh.keys()])) {
    const [was, is] = [machine.get(id), fresh.get(id)];
    if (!was || !is) {
      found.push(`NUMA node ${id} is ${is ? 'not in the file' : 'not on the machine'}`);
      continue;
    }
    for (const resource of new Set([...(was.MemoryMap?.keys() ?? []), ...(is.MemoryMap?.keys() ?? [])])) {
      const [before, now] = [was.MemoryMap?.get(resource), is.MemoryMap?.get(resource)];
      const changed = sizes.filter(([, key]) => before?.[key] !== now?.[key]);
      for (const [name, key] of changed)
        found.push(
          `NUMA node ${id}, ${resource}: ${name} ${before?.[key] ?? 'nothing'} in the file, ${now?.[key] ?? 'nothing'} here`,
        );
    }
  }
  const head = '[memorymanager] the expected machine state is different from the real one';
  return found.length === 0 ? [] : [`${head}: ${found.join('; ')}`];
}
