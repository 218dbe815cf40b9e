import type { CpuSummary } from '../api/stasis.ts';
import { CpuManager } from '../cpumanager/cpu-manager.ts';
import { CpuStateFile } from '../cpumanager/cpu-state.ts';
import { CpuReconciler } from '../cpumanager/reconcile.ts';
import { takeOver } from '../cpumanager/take-over.ts';
import { chooseCpus, cpuTopology } from '../cpumanager/topology.ts';
import { type CpuAndMemory, noCpuAndMemory } from '../devicemanager/pod-resources.ts';
import { CodedError, isCoded, messageOf } from '../errors/coded-error.ts';
import { type CpuSet, formatCpuSet } from '../kubeletstate/cpuset.ts';
import { runningKubelet } from '../localfs/running-kubelet.ts';
import { nothingGranted } from '../pods/container-grant.ts';
import type { Log, NodePods } from '../pods/node-pods.ts';
import type { NodeResources } from '../pods/node-resources.ts';
import { podName } from '../pods/pod.ts';
import { actualPod, type Runtime } from '../pods/pod-runtime.ts';
import type { CpuSettings } from './cpu-settings.ts';
import { hasCpuset } from './cpuset-controller.ts';

/** The CPUs of this node, and who has them. */
export interface NodeCpus {
  resources: NodeResources;
  /** For the PodResources socket. */
  served: CpuAndMemory;
  list(pods: NodePods): CpuSummary[];
  /** Keeps containers on their CPUs until `stopping`. */
  start(pods: NodePods, runtime: Runtime, stopping: AbortSignal): void;
}

/**
 * Opens the kubelet's file of CPUs below the root directory. What does not fit is explained in the log, and the node
 * goes on. Where a kubelet works with that directory its file is left alone, and nobody gets CPUs for itself.
 */
export async function openNodeCpus(root: string, settings: CpuSettings, log: Log): Promise<NodeCpus> {
  try {
    const kubelet = await runningKubelet(root);
    if (kubelet) throw new CodedError('busy', `a kubelet works with ${root} (${kubelet.how})`);
    return await ownCpus(root, settings, log);
  } catch (error) {
    const level = settings.policy === 'none' ? 'info' : 'warn';
    log(level, `no CPUs are given to containers alone: ${messageOf(error)}`);
    return {
      resources: { admit: async () => {}, grant: async () => nothingGranted, release: async () => {} },
      ...{ served: noCpuAndMemory, list: () => [], start: () => {} },
    };
  }
}

async function ownCpus(root: string, settings: CpuSettings, log: Log): Promise<NodeCpus> {
  const places = await cpuTopology();
  const online = places.map(({ cpu }) => cpu);
  const reserved = reservedCpus(settings, online, places, log);
  const file = await CpuStateFile.open(root);
  const found = await file
    .read((what) => log('warn', `${file.path}: ${what} are not taken over`))
    .catch(async (error: unknown) => {
      if (!isCoded(error)) throw error;
      const aside = await file.setAside('corrupt');
      log('error', `${file.path}: ${messageOf(error)}; it is kept as ${aside}, and containers get CPUs anew`);
      return undefined;
    });
  const barred = { exclusive: reserved, shared: settings.strictReservation ? reserved : [] };
  const { assignments, explanations, reset } = takeOver(found, settings.policy, online, barred);
  if (reset) explanations.push(`the file is kept as ${await file.setAside('reset')}`);
  for (const explanation of explanations) log('warn', `${file.path}: ${explanation}`);
  await file.write(assignments);
  if (settings.policy === 'static') await tellController(log);
  let reconciler: CpuReconciler | undefined;
  const manager = new CpuManager({
    ...{ places, reserved, assignments },
    ...{ strictReservation: settings.strictReservation, fullCores: settings.fullCores },
    write: (next) => file.write(next),
    changed: () => reconciler?.soon(),
  });
  return {
    resources: manager,
    served: served(manager, settings),
    list: (pods) => summaries(manager, reserved, online, pods),
    start(pods, runtime, stopping) {
      if (settings.policy !== 'static') return;
      reconciler = reconcilerOf(manager, settings, runtime, log);
      void reconciler.run(stopping);
      void pods;
    },
  };
}

function reservedCpus(
  { policy, reserved, strictReservation }: CpuSettings,
  online: CpuSet,
  places: Parameters<typeof chooseCpus>[0],
  log: Log,
): CpuSet {
  if (typeof reserved !== 'number') {
    const gone = reserved.filter((cpu) => !online.includes(cpu));
    if (gone.length > 0) log('warn', `reservedSystemCPUs: this machine has no CPUs ${formatCpuSet(gone)}`);
    return reserved.filter((cpu) => online.includes(cpu));
  }
  if (policy === 'none') return [];
  if (reserved === 0) {
    log(
      'warn',
      'nothing is reserved for the node (reservedSystemCPUs, kubeReserved, systemReserved): one CPU is',
    );
  }
  if (strictReservation)
    log('warn', 'strict-cpu-reservation without reservedSystemCPUs: the lowest CPUs are reserved');
  return chooseCpus(places, online, Math.min(online.length, Math.max(1, reserved))) ?? [];
}

/** Says whether anything here holds a container to its CPUs. */
async function tellController(log: Log): Promise<void> {
  if (await hasCpuset()) return;
  log(
    'warn',
    'this machine has no cgroup controller "cpuset": CPUs are given and remembered, nothing holds containers to them',
  );
}

function reconcilerOf(manager: CpuManager, settings: CpuSettings, runtime: Runtime, log: Log): CpuReconciler {
  return new CpuReconciler({
    seconds: settings.reconcileSeconds,
    cpusetOf: (uid, container) => manager.cpusetOf(uid, container),
    complain: (message) => log('warn', message),
    async running(signal) {
      const { sandboxes, containers } = await actualPod(runtime, undefined, signal);
      const uids = new Map(sandboxes.map(({ id, uid }) => [id, uid]));
      return containers.flatMap(({ id, name, sandboxId, state }) => {
        const podUid = uids.get(sandboxId);
        return state === 'running' && podUid ? [{ id, name, podUid }] : [];
      });
    },
    async apply(containerId, cpusetCpus, signal) {
      await runtime.updateContainerResources(
        { containerId, linux: { cpusetCpus } },
        { signal, timeoutMs: 30_000 },
      );
    },
  });
}

function served(manager: CpuManager, { policy }: CpuSettings): CpuAndMemory {
  if (policy !== 'static')
    return { ...noCpuAndMemory, allocatableCpus: () => manager.allocatable().map(BigInt) };
  return {
    ...noCpuAndMemory,
    cpusOf: (uid, name) => (manager.assignments.owned.get(uid)?.get(name) ?? []).map(BigInt),
    allocatableCpus: () => manager.allocatable().map(BigInt),
  };
}

function summaries(manager: CpuManager, reserved: CpuSet, online: CpuSet, pods: NodePods): CpuSummary[] {
  const { policy, shared, owned } = manager.assignments;
  const own = [...owned].flatMap(([uid, containers]) =>
    [...containers].map(([container, cpus]): CpuSummary => {
      const [namespace, pod] = (podNameOf(pods, uid) ?? '').split('/');
      return {
        ...{ cpus: formatCpuSet(cpus), count: cpus.length, use: 'exclusive', podUid: uid, container },
        ...(namespace && pod ? { namespace, pod } : {}),
      };
    }),
  );
  const all = policy === 'static' ? shared : online;
  return [
    ...(reserved.length > 0
      ? [{ cpus: formatCpuSet(reserved), count: reserved.length, use: 'reserved' as const }]
      : []),
    { cpus: formatCpuSet(all), count: all.length, use: 'shared' },
    ...own,
  ];
}

function podNameOf(pods: NodePods, uid: string): string | undefined {
  const record = pods.byUid(uid);
  return record && podName(record.pod);
}
