import type { AllocationState } from './allocation.ts';
import type { CpuManagerState } from './cpu-manager.ts';
import type { DeviceManagerState } from './device-manager.ts';
import type { DraState } from './dra.ts';
import type { Finding } from './finding.ts';
import type { MemoryManagerState } from './memory-manager.ts';
import type { NodeFacts } from './node-facts.ts';
import { reviewCpus } from './review-cpus.ts';
import { reviewDevices } from './review-devices.ts';
import { reviewMemory } from './review-memory.ts';

/** A file's content in the latest version of its kind. */
export interface ReviewedFile {
  path: string;
  kind: string;
  value: unknown;
}

/** What is to be said about one file's content. */
export function reviewContent({ kind, value }: ReviewedFile, facts: NodeFacts): Finding[] {
  const findings = contentFindings(kind, value, facts);
  const gone = facts.pods ? podsOf(kind, value).filter((uid) => !facts.pods?.has(uid)) : [];
  if (gone.length > 0) {
    findings.push({
      severity: 'warning',
      code: 'pods-gone',
      message: `${gone.length === 1 ? 'a pod that is' : `${gone.length} pods that are`} not on this node: ${gone.join(', ')}`,
      hint: 'the kubelet drops them at its next write; stasis state repair --only gone-pods does it now',
    });
  }
  const { runtime, kubelet } = facts.silent ?? {};
  if (runtime !== undefined && podsOf(kind, value).length > 0)
    findings.push(notCompared('pods', 'container runtime', runtime));
  if (kubelet !== undefined && (kind === 'cpu-manager' || kind === 'device-manager'))
    findings.push(notCompared('CPUs and devices of containers', 'kubelet', kubelet));
  return findings;
}

/** A check that could not be made is said, lest its silence be taken for a good answer. */
function notCompared(what: string, whom: string, why: string): Finding {
  const message = `${what} were not compared with what the ${whom} says: ${why}`;
  return { severity: 'info', code: 'not-compared', message };
}

function contentFindings(kind: string, value: unknown, facts: NodeFacts): Finding[] {
  if (kind === 'cpu-manager') return reviewCpus(value as CpuManagerState, facts);
  if (kind === 'memory-manager') return reviewMemory(value as MemoryManagerState, facts);
  if (kind === 'device-manager') return reviewDevices(value as DeviceManagerState, facts);
  return [];
}

/** Uids of the pods that a file speaks of, each once. */
export function podsOf(kind: string, value: unknown): string[] {
  switch (kind) {
    case 'cpu-manager':
    case 'memory-manager': {
      const state = value as CpuManagerState | MemoryManagerState;
      return [...new Set([...(state.Entries?.keys() ?? []), ...(state.PodEntries?.keys() ?? [])])];
    }
    case 'device-manager': {
      const entries = (value as DeviceManagerState).Data.PodDeviceEntries ?? [];
      return [...new Set(entries.map((entry) => entry.PodUID))];
    }
    case 'dra-manager': {
      const claims = (value as DraState).ClaimInfoStateList ?? [];
      return [...new Set(claims.flatMap((claim) => [...(claim.PodUIDs?.keys() ?? [])]))];
    }
    case 'pod-status':
    case 'pod-allocation':
    case 'pod-actuation':
      return [...((value as AllocationState).Entries?.keys() ?? [])];
    default:
      return [];
  }
}

/**
 * Where files of one node contradict each other: pods with CPUs, memory or devices that were never admitted,
 * and devices on NUMA nodes that the memory manager does not know. By path.
 */
export function reviewTogether(files: readonly ReviewedFile[]): Map<string, Finding[]> {
  const findings = new Map<string, Finding[]>();
  const of = (kind: string): ReviewedFile | undefined => files.find((file) => file.kind === kind);
  const admitted = of('pod-allocation');
  const known = new Set(admitted ? podsOf(admitted.kind, admitted.value) : []);
  for (const kind of ['cpu-manager', 'memory-manager', 'device-manager']) {
    const file = of(kind);
    if (!file || known.size === 0) continue;
    const strangers = podsOf(kind, file.value).filter((uid) => !known.has(uid));
    if (strangers.length === 0) continue;
    // A pod that has ended leaves its devices in the file until the next write: no fault by itself.
    add(findings, file.path, {
      severity: 'info',
      code: 'pods-not-admitted',
      message: `has entries for pods that ${admitted?.path} does not know: ${strangers.join(', ')}`,
    });
  }
  const memory = of('memory-manager')?.value as MemoryManagerState | undefined;
  const devices = of('device-manager');
  if (memory?.MachineState?.size && devices) {
    const nodes = (devices.value as DeviceManagerState).Data.PodDeviceEntries?.flatMap((entry) => [
      ...(entry.DeviceIDs?.keys() ?? []),
    ]);
    for (const node of new Set(nodes)) {
      if (node < 0n || memory.MachineState.has(node)) continue;
      add(findings, devices.path, {
        severity: 'warning',
        code: 'numa-node-missing',
        message: `has devices on NUMA node ${node}, which memory_manager_state does not have`,
      });
    }
  }
  return findings;
}

function add(findings: Map<string, Finding[]>, path: string, finding: Finding): void {
  findings.set(path, [...(findings.get(path) ?? []), finding]);
}
