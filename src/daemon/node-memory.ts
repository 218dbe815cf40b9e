import { totalmem } from 'node:os';
import type { NodeMemoryStatus, NumaMemory } from '../api/stasis.ts';
import { type CpuAndMemory, noCpuAndMemory } from '../devicemanager/pod-resources.ts';
import { CodedError, isCoded, messageOf } from '../errors/coded-error.ts';
import type { MemoryBlock } from '../kubeletstate/memory-manager.ts';
import { machineFacts } from '../localfs/machine-facts.ts';
import { runningKubelet } from '../localfs/running-kubelet.ts';
import { freshMachine, type Machine } from '../memorymanager/machine.ts';
import { MemoryManager } from '../memorymanager/memory-manager.ts';
import { MemoryStateFile } from '../memorymanager/memory-state-file.ts';
import { reservedMemory } from '../memorymanager/reserved.ts';
import { takeOverMemory } from '../memorymanager/take-over.ts';
import { nothingGranted } from '../pods/container-grant.ts';
import { memoryOfPod } from '../pods/memory-wanted.ts';
import type { DescribedMemory } from '../pods/node.ts';
import type { Log } from '../pods/node-pods.ts';
import type { NodeResources } from '../pods/node-resources.ts';
import type { Pod } from '../pods/pod.ts';
import { hasCpuset } from './cpuset-controller.ts';
import type { MemorySettings } from './memory-settings.ts';

/** With more, looking at every group of nodes takes too long. */
const mostNodes = 12;

type Served = Pick<CpuAndMemory, 'memoryOf' | 'allocatableMemory'>;

/** The memory of this node, and who has it. */
export interface NodeMemory extends DescribedMemory {
  resources: NodeResources;
  /** For the PodResources socket. */
  served: Served;
}

const { memoryOf, allocatableMemory } = noCpuAndMemory;
const nothing = (policy: MemorySettings['policy'], problem?: string): NodeMemory => ({
  resources: { admit: async () => {}, grant: async () => nothingGranted, release: async () => {} },
  served: { memoryOf, allocatableMemory },
  describe: (pods) => ({ ...wanted(pods), policy, ...(problem ? { problem } : {}), numaNodes: [] }),
  givenTo: () => [],
});

/**
 * Opens the kubelet's file of memory below the root directory. What does not fit is explained in the log, and the node
 * goes on. Where a kubelet works with that directory, or the configuration does not fit the machine, the file is left
 * alone, and nobody gets memory of a NUMA node.
 */
export async function openNodeMemory(root: string, settings: MemorySettings, log: Log): Promise<NodeMemory> {
  try {
    const kubelet = await runningKubelet(root);
    if (kubelet) throw new CodedError('busy', `a kubelet works with ${root} (${kubelet.how})`);
    return await ownMemory(root, settings, log);
  } catch (error) {
    const { policy } = settings;
    log(
      policy === 'None' ? 'info' : 'error',
      `no memory of NUMA nodes is given to containers: ${messageOf(error)}`,
    );
    return nothing(policy, policy === 'None' ? undefined : messageOf(error));
  }
}

async function ownMemory(
  root: string,
  { policy, reservations }: MemorySettings,
  log: Log,
): Promise<NodeMemory> {
  const fresh: Machine = policy === 'None' ? new Map() : await wholeMachine(reservations);
  const file = await MemoryStateFile.open(root);
  const found = await file
    .read((what) => log('warn', `${file.path}: ${what} is not taken over`))
    .catch(async (error: unknown) => {
      if (!isCoded(error)) throw error;
      const aside = await file.setAside('corrupt');
      log(
        'error',
        `${file.path}: ${messageOf(error)}; it is kept as ${aside}, and containers get memory anew`,
      );
      return undefined;
    });
  const { state, explanations, reset } = takeOverMemory(found, policy, fresh);
  if (reset) explanations.push(`the file is kept as ${await file.setAside('reset')}`);
  for (const explanation of explanations) log('warn', `${file.path}: ${explanation}`);
  await file.write(state);
  if (policy === 'None') return nothing(policy);
  if (!(await hasCpuset())) {
    log(
      'warn',
      'this machine has no cgroup controller "cpuset": memory of NUMA nodes is given and remembered, nothing holds containers to it',
    );
  }
  const manager = new MemoryManager({
    fresh,
    entries: state.entries,
    write: (machine, entries) => file.write({ policy, machine, entries }),
  });
  return {
    resources: manager,
    served: served(manager),
    describe: (pods) => ({ ...wanted(pods), policy, numaNodes: numaMemory(manager.machine) }),
    givenTo: (uid, name) =>
      (manager.entries.get(uid)?.get(name) ?? []).map(({ Type, Size, NUMAAffinity }) => ({
        ...{ resource: Type, bytes: Number(Size), numaNodes: (NUMAAffinity ?? []).map(Number) },
      })),
  };
}

async function wholeMachine(reservations: MemorySettings['reservations']): Promise<Machine> {
  const { numaNodes: nodes = [] } = await machineFacts();
  if (nodes.length === 0) {
    throw new CodedError('unavailable', 'this machine says nothing of NUMA nodes (/sys/devices/system/node)');
  }
  if (nodes.length > mostNodes) {
    throw new CodedError(
      'unavailable',
      `this machine has ${nodes.length} NUMA nodes, more than ${mostNodes}`,
    );
  }
  return freshMachine(nodes, reservedMemory(reservations, { nodes, total: totalmem() }));
}

function served(manager: MemoryManager): Served {
  const message = ({ NUMAAffinity, Type, Size }: MemoryBlock) => ({
    ...{ type: Type, size: Size, nodes: NUMAAffinity ?? [] },
  });
  return {
    memoryOf: (uid, name) => (manager.entries.get(uid)?.get(name) ?? []).map(message),
    allocatableMemory: () => manager.allocatable().map(message),
  };
}

function wanted(pods: readonly Pod[]): Pick<NodeMemoryStatus, 'totalBytes' | 'requestedBytes'> {
  const requestedBytes = pods.reduce((sum, pod) => sum + (memoryOfPod(pod).requestBytes ?? 0), 0);
  return { totalBytes: totalmem(), requestedBytes };
}

function numaMemory(machine: Machine): NumaMemory[] {
  return [...machine].flatMap(([cell, { MemoryMap, Cells }]) =>
    [...(MemoryMap ?? [])].flatMap(([resource, table]): NumaMemory[] =>
      table === null || table.TotalMemSize === 0n
        ? []
        : [
            {
              ...{ node: Number(cell), resource, total: Number(table.TotalMemSize) },
              reserved: Number(table.SystemReserved),
              allocatable: Number(table.Allocatable),
              free: Number(table.Free),
              group: (Cells ?? []).map(Number),
            },
          ],
    ),
  );
}
