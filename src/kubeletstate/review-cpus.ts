import type { CpuManagerState } from './cpu-manager.ts';
import { type CpuSet, cpusOf, difference, formatCpuSet, intersection, parseCpuSet, union } from './cpuset.ts';
import type { Finding } from './finding.ts';
import type { NodeFacts } from './node-facts.ts';

interface Assigned {
  pod: string;
  container: string;
  cpus: CpuSet;
}

/**
 * Whether policy and CPUs in the file agree with each other and with the node, by the checks that the
 * kubelet's static policy makes at start, with its words.
 */
export function reviewCpus(state: CpuManagerState, facts: NodeFacts): Finding[] {
  const findings: Finding[] = [];
  const shared = read(findings, state.DefaultCPUSet, (error) => {
    return `could not parse default cpu set "${state.DefaultCPUSet}": ${error}`;
  });
  const assigned = assignments(state, findings);
  findings.push(...policyFindings(state, assigned, facts));
  if (state.PolicyName !== 'static' || !shared) return findings;
  if (shared.length === 0) {
    if (assigned.length > 0) findings.push(fatal('default-empty', 'default cpuset cannot be empty'));
    return findings;
  }
  findings.push(...reservedFindings(shared, facts), ...overlaps(shared, assigned));
  findings.push(...asServed(shared, assigned, facts));
  if (facts.onlineCpus) {
    const known = assigned.reduce((all, { cpus }) => union(all, cpus), shared);
    const online = formatCpuSet(facts.onlineCpus);
    if (formatCpuSet(known) !== online) {
      findings.push(
        fatal(
          'cpus-differ',
          `current set of available CPUs "${online}" doesn't match with CPUs in state "${formatCpuSet(known)}"`,
          machineHint(known, facts.onlineCpus),
        ),
      );
    }
  }
  return findings;
}

function machineHint(known: CpuSet, online: CpuSet): string {
  const gone = difference(known, online);
  const fresh = difference(online, known);
  const parts = [
    gone.length > 0 ? `CPUs ${formatCpuSet(gone)} are gone: stasis state repair --only cpus` : '',
    fresh.length > 0 ? `CPUs ${formatCpuSet(fresh)} are new: stasis state repair --only cpus` : '',
  ];
  return parts.filter(Boolean).join('; ');
}

function assignments(state: CpuManagerState, findings: Finding[]): Assigned[] {
  const assigned: Assigned[] = [];
  for (const [pod, containers] of state.Entries ?? []) {
    for (const [container, text] of containers ?? []) {
      const cpus = read(findings, text, (error) => {
        return `could not parse cpuset "${text}" for container "${container}" in pod "${pod}": ${error}`;
      });
      if (cpus) assigned.push({ pod, container, cpus });
    }
  }
  for (const [pod, { CPUSet }] of state.PodEntries ?? []) {
    assigned.push({ pod, container: '', cpus: cpusOf(CPUSet) });
  }
  return assigned;
}

function read(findings: Finding[], text: string, message: (error: string) => string): CpuSet | undefined {
  try {
    return parseCpuSet(text);
  } catch (error) {
    const words = message(error instanceof Error ? error.message : String(error));
    findings.push({
      severity: 'error',
      code: 'cpuset-unreadable',
      message: words,
      unrestorable: words,
    });
    return undefined;
  }
}

function policyFindings(state: CpuManagerState, assigned: readonly Assigned[], facts: NodeFacts): Finding[] {
  const configured = facts.config?.cpuManagerPolicy;
  const findings: Finding[] = [];
  if (configured !== undefined && configured !== state.PolicyName) {
    const message = `configured policy "${configured}" differs from state checkpoint policy "${state.PolicyName}"`;
    findings.push({
      severity: 'error',
      code: 'policy-differs',
      message,
      reset: true,
      hint: 'stasis state reset (on a drained node)',
      unrestorable: message,
    });
  }
  if (!['none', 'static'].includes(state.PolicyName)) {
    findings.push({
      severity: 'warning',
      code: 'policy-unknown',
      message: `no kubelet has a CPU manager policy "${state.PolicyName}"`,
    });
  }
  if (state.PolicyName === 'none' && assigned.length > 0) {
    findings.push({
      severity: 'warning',
      code: 'entries-without-policy',
      message: `policy none gives no CPUs to containers, but ${assigned.length} have some`,
    });
  }
  return findings;
}

function reservedFindings(shared: CpuSet, { config }: NodeFacts): Finding[] {
  const reserved = config?.reservedCpus;
  if (!reserved || !config) return [];
  const found = intersection(reserved, shared);
  const texts = `"${formatCpuSet(reserved)}" are present in defaultCpuSet: "${formatCpuSet(shared)}"`;
  if (config.strictReservation) {
    return found.length > 0 ? [fatal('reserved-shared', `some of strictly reserved cpus: ${texts}`)] : [];
  }
  return found.length < reserved.length ? [fatal('reserved-missing', `not all reserved cpus: ${texts}`)] : [];
}

function overlaps(shared: CpuSet, assigned: readonly Assigned[]): Finding[] {
  const findings: Finding[] = [];
  const owners = new Map<number, Assigned>();
  for (const each of assigned) {
    if (intersection(each.cpus, shared).length > 0) {
      findings.push(
        fatal(
          'cpus-overlap-default',
          `pod: ${each.pod}, container: ${each.container} cpuset: "${formatCpuSet(each.cpus)}" overlaps with ` +
            `default cpuset "${formatCpuSet(shared)}"`,
        ),
      );
    }
    for (const cpu of each.cpus) {
      const before = owners.get(cpu);
      // Containers of one pod share the CPUs that the pod has as a whole, and those of finished init containers.
      if (before && before.pod !== each.pod) {
        findings.push({
          severity: 'error',
          code: 'cpu-given-twice',
          message: `CPU ${cpu} belongs to ${before.pod}/${before.container} and to ${each.pod}/${each.container}`,
        });
      }
      owners.set(cpu, each);
    }
  }
  return findings;
}

/**
 * Against what the running kubelet says over its PodResources socket, of containers that both know. A kubelet
 * before 1.23 says the shared CPUs of a container that has none of its own.
 */
function asServed(shared: CpuSet, assigned: readonly Assigned[], facts: NodeFacts): Finding[] {
  const findings: Finding[] = [];
  const ofPods = new Set(assigned.filter(({ container }) => container === '').map(({ pod }) => pod));
  for (const [uid, pod] of facts.pods ?? []) {
    // Who shares CPUs that the pod has as a whole is not in the file.
    if (pod.name === undefined || ofPods.has(uid)) continue;
    const prefix = `${pod.namespace}/${pod.name}/`;
    for (const [where, { cpus }] of facts.containerResources ?? []) {
      if (!where.startsWith(prefix)) continue;
      const container = where.slice(prefix.length);
      const kept = assigned.find((each) => each.pod === uid && each.container === container)?.cpus ?? [];
      const served = formatCpuSet(cpus);
      if (served === formatCpuSet(kept) || (kept.length === 0 && served === formatCpuSet(shared))) continue;
      findings.push({
        severity: 'warning',
        code: 'cpus-differ-from-kubelet',
        message:
          `${where} has CPUs ${formatCpuSet(kept) || 'none'} of its own in the file; the kubelet says ` +
          `${served || 'none'}`,
      });
    }
  }
  return findings;
}

function fatal(code: string, message: string, hint?: string): Finding {
  return {
    severity: 'error',
    code,
    message,
    fatal: `start cpu manager error: ${message}`,
    ...(hint ? { hint } : {}),
  };
}
