import type { Finding } from './finding.ts';
import type { MemoryBlock, MemoryManagerState } from './memory-manager.ts';
import type { NodeFacts } from './node-facts.ts';

/**
 * Whether policy, memory and NUMA nodes in the file agree with each other and with the machine, by the checks
 * that the kubelet's static policy makes at start, with its words.
 */
export function reviewMemory(state: MemoryManagerState, facts: NodeFacts): Finding[] {
  const findings = [...policyFindings(state, facts)];
  const blocks = [...blocksOf(state)];
  if ((state.MachineState?.size ?? 0) === 0) {
    if (blocks.length > 0) {
      findings.push(fatal('machine-empty', 'machine state can not be empty when it has memory assignments'));
    }
    return findings;
  }
  for (const { where, block } of blocks) findings.push(...placeFindings(state, where, block));
  findings.push(...sumFindings(state));
  if (state.PolicyName === 'Static') findings.push(...machineFindings(state, facts));
  return findings;
}

function policyFindings(state: MemoryManagerState, facts: NodeFacts): Finding[] {
  const configured = facts.config?.memoryManagerPolicy;
  const findings: Finding[] = [];
  if (configured !== undefined && configured !== state.PolicyName) {
    const message = `[memorymanager] configured policy "${configured}" differs from state checkpoint policy "${state.PolicyName}"`;
    findings.push({
      severity: 'error',
      code: 'policy-differs',
      message,
      reset: true,
      hint: 'stasis state reset (on a drained node)',
      unrestorable: message,
    });
  }
  if (!['None', 'Static', 'BestEffort'].includes(state.PolicyName)) {
    findings.push({
      severity: 'warning',
      code: 'policy-unknown',
      message: `no kubelet has a memory manager policy "${state.PolicyName}"`,
    });
  }
  return findings;
}

function* blocksOf(state: MemoryManagerState): Generator<{ where: string; block: MemoryBlock }> {
  for (const [pod, containers] of state.Entries ?? []) {
    for (const [container, blocks] of containers ?? []) {
      for (const block of blocks ?? []) yield { where: `${pod}/${container}`, block };
    }
  }
  for (const [pod, { MemoryBlocks }] of state.PodEntries ?? []) {
    for (const block of MemoryBlocks ?? []) yield { where: pod, block };
  }
}

function placeFindings(state: MemoryManagerState, where: string, block: MemoryBlock): Finding[] {
  const findings: Finding[] = [];
  for (const id of block.NUMAAffinity ?? []) {
    const node = state.MachineState?.get(id);
    if (!node) {
      findings.push(
        fatal('numa-node-missing', `${where}: the memory assignment uses the NUMA that does not exist`),
      );
    } else if (!node.MemoryMap?.has(block.Type)) {
      findings.push(
        fatal('resource-missing', `${where}: the memory assignment uses memory resource that does not exist`),
      );
    }
  }
  return findings;
}

/** Free and reserved must add up, and what containers have on a node must be reserved there. */
function sumFindings(state: MemoryManagerState): Finding[] {
  const findings: Finding[] = [];
  const given = new Map<string, bigint>();
  for (const { block } of blocksOf(state)) {
    if (block.NUMAAffinity?.length !== 1) continue;
    const key = `${block.NUMAAffinity[0]} ${block.Type}`;
    given.set(key, (given.get(key) ?? 0n) + block.Size);
  }
  for (const [id, node] of state.MachineState ?? []) {
    for (const [resource, table] of node?.MemoryMap ?? []) {
      if (!table) continue;
      const where = `NUMA node ${id}, ${resource}`;
      if (table.Free + table.Reserved !== table.Allocatable) {
        findings.push({
          severity: 'warning',
          code: 'memory-sum',
          message: `${where}: free ${table.Free} and reserved ${table.Reserved} are not allocatable ${table.Allocatable}`,
        });
      }
      const sum = given.get(`${id} ${resource}`) ?? 0n;
      if (sum > table.Reserved) {
        findings.push({
          severity: 'error',
          code: 'memory-overcommitted',
          message: `${where}: containers have ${sum} bytes, ${table.Reserved} are reserved`,
        });
      }
    }
  }
  return findings;
}

function machineFindings(state: MemoryManagerState, { numaNodes }: NodeFacts): Finding[] {
  if (!numaNodes) return [];
  const differences: string[] = [];
  const real = new Map(numaNodes.map((node) => [BigInt(node.id), node]));
  for (const id of new Set([...real.keys(), ...(state.MachineState?.keys() ?? [])])) {
    const node = real.get(id);
    const kept = state.MachineState?.get(id);
    if (!node || !kept) {
      differences.push(`NUMA node ${id} is ${node ? 'not in the file' : 'not on the machine'}`);
      continue;
    }
    for (const [resource, table] of kept.MemoryMap ?? []) {
      const size = node.memory.get(resource) ?? 0n;
      if (table && table.TotalMemSize !== size) {
        differences.push(
          `NUMA node ${id}, ${resource}: ${table.TotalMemSize} bytes in the file, ${size} on the machine`,
        );
      }
    }
  }
  if (differences.length === 0) return [];
  const finding = fatal('memory-differs', 'the expected machine state is different from the real one');
  return [
    { ...finding, reset: true, hint: `${differences.join('; ')}. On a drained node: stasis state reset` },
  ];
}

function fatal(code: string, words: string): Finding {
  const message = `[memorymanager] ${words}`;
  return { severity: 'error', code, message, fatal: `start memory manager error: ${message}` };
}
