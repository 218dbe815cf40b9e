import { type CpuSet, difference, formatCpuSet, intersection, union } from '../kubeletstate/cpuset.ts';
import type { CpuAssignments, CpuPolicy } from './cpu-state.ts';

export interface TakenOver {
  assignments: CpuAssignments;
  /** What was wrong with the file and what was made of it, one sentence each. */
  explanations: string[];
  /** Whether the file is of another policy: it is kept under another name. */
  reset: boolean;
}

/**
 * What a file of an earlier start means on this machine and with this configuration. Where the kubelet refuses to
 * start, this says what differs and keeps what can be kept: no CPU that is gone, and none that two pods have.
 * @param online CPUs of the machine
 * @param exclusiveBarred CPUs that no container may have for itself
 * @param sharedBarred CPUs that are not even shared
 */
export function takeOver(
  found: CpuAssignments | undefined,
  policy: CpuPolicy,
  online: CpuSet,
  barred: { exclusive: CpuSet; shared: CpuSet },
): TakenOver {
  const fresh = { policy, shared: difference(online, barred.shared), owned: new Map() };
  // A policy that owns nothing writes no set, as the kubelet's.
  const start = policy === 'static' ? fresh : { ...fresh, shared: [] };
  if (!found) return { assignments: start, explanations: [], reset: false };
  if (found.policy !== policy) {
    const count = [...found.owned.values()].reduce((sum, containers) => sum + containers.size, 0);
    const explanation = `the file is of the CPU manager policy "${found.policy}", the configuration says "${policy}": CPUs of ${count} containers are not taken over`;
    return { assignments: start, explanations: [explanation], reset: true };
  }
  if (policy === 'none') return { assignments: start, explanations: [], reset: false };
  return { ...repaired(found, online, barred), reset: false };
}

function repaired(
  found: CpuAssignments,
  online: CpuSet,
  barred: { exclusive: CpuSet; shared: CpuSet },
): Omit<TakenOver, 'reset'> {
  const explanations: string[] = [];
  const owned = new Map<string, Map<string, CpuSet>>();
  let taken: CpuSet = [];
  for (const [uid, containers] of found.owned) {
    const kept = new Map<string, CpuSet>();
    for (const [name, cpus] of containers) {
      const gone = difference(cpus, online);
      const others = intersection(cpus, taken);
      if (gone.length > 0) {
        explanations.push(
          `${uid}/${name} had CPUs ${formatCpuSet(gone)}, which this machine does not have now`,
        );
      }
      if (others.length > 0)
        explanations.push(`CPUs ${formatCpuSet(others)} of ${uid}/${name} belong to another pod`);
      const left = difference(intersection(cpus, online), taken);
      if (left.length > 0) kept.set(name, left);
      else
        explanations.push(`${uid}/${name} has no CPU of its own any more: it shares until it is made anew`);
      const reserved = intersection(left, barred.exclusive);
      if (reserved.length > 0) {
        explanations.push(
          `${uid}/${name} has CPUs ${formatCpuSet(reserved)}, which are reserved now; it keeps them until it ends`,
        );
      }
    }
    if (kept.size > 0) owned.set(uid, kept);
    taken = union(taken, [...kept.values()].flat());
  }
  const shared = difference(difference(online, taken), barred.shared);
  if (formatCpuSet(shared) !== formatCpuSet(found.shared)) {
    explanations.push(
      `the shared CPUs were ${formatCpuSet(found.shared) || 'none'}, they are ${formatCpuSet(shared) || 'none'}`,
    );
  }
  return { assignments: { policy: found.policy, shared, owned }, explanations };
}
