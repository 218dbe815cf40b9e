import type { CpuManagerState } from './cpu-manager.ts';
import {
  type CpuSet,
  cpusOf,
  difference,
  formatCpuSet,
  goCpuSet,
  intersection,
  parseCpuSet,
  union,
} from './cpuset.ts';
import type { KubeletConfig } from './node-facts.ts';

/**
 * The CPU manager's state on a machine that now has the CPUs `online`: what containers have shrinks to those
 * that are still there, everything that belongs to nobody is shared. Undefined when nothing changes, when the
 * policy keeps no CPUs, or when a container would be left without any (only its pod's end can solve that).
 */
export function shrinkCpus(
  state: CpuManagerState,
  online: CpuSet,
  config?: KubeletConfig,
): { state: CpuManagerState | undefined; starved: string[] } {
  const starved: string[] = [];
  if (state.PolicyName !== 'static') return { state: undefined, starved };
  let taken: CpuSet = config?.strictReservation ? (config.reservedCpus ?? []) : [];
  const keep = (cpus: CpuSet, owner: string): CpuSet => {
    const left = intersection(cpus, online);
    if (left.length === 0 && cpus.length > 0) starved.push(owner);
    taken = union(taken, left);
    return left;
  };
  const entries = new Map(
    [...(state.Entries ?? [])].map(([pod, containers]) => [
      pod,
      new Map(
        [...(containers ?? [])].map(([container, text]) => [
          container,
          formatCpuSet(keep(parseCpuSet(text), `${pod}/${container}`)),
        ]),
      ),
    ]),
  );
  const pods =
    state.PodEntries &&
    new Map(
      [...state.PodEntries].map(([pod, { CPUSet }]) => [
        pod,
        { CPUSet: goCpuSet(keep(cpusOf(CPUSet), pod)) },
      ]),
    );
  if (starved.length > 0) return { state: undefined, starved };
  const shared = formatCpuSet(difference(online, taken));
  const before = JSON.stringify([state.DefaultCPUSet, textsOf(state.Entries), cpusOfPods(state.PodEntries)]);
  const after = JSON.stringify([shared, textsOf(entries), cpusOfPods(pods)]);
  if (before === after) return { state: undefined, starved };
  return {
    state: { ...state, DefaultCPUSet: shared, Entries: entries, PodEntries: pods ?? state.PodEntries },
    starved,
  };
}

const textsOf = (entries: CpuManagerState['Entries']) =>
  [...(entries ?? [])].map(([pod, containers]) => [pod, ...(containers ?? [])]);

const cpusOfPods = (pods: CpuManagerState['PodEntries']) =>
  [...(pods ?? [])].map(([pod, { CPUSet }]) => [pod, ...cpusOf(CPUSet)]);
