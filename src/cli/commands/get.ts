import type { StasisClient } from '../../api/client.ts';
import type {
  CheckpointSummary,
  ContainerSummary,
  CpuSummary,
  DeviceSummary,
  List,
  MemoryWanted,
  Operation,
  PodSummary,
} from '../../api/stasis.ts';
import { defineCommand, UsageError } from '../command.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { columns } from '../output/columns.ts';
import { printable } from '../output/escape.ts';
import { byteText } from '../output/quantities.ts';
import { plainData } from '../plain-output.ts';

const kinds = ['pods', 'containers', 'devices', 'cpus', 'checkpoints', 'operations'] as const;

export const get = defineCommand({
  name: 'get',
  operands: 'pods|containers|devices|cpus|checkpoints|operations',
  short: 'List what the node has',
  examples: ['get pods', 'get containers -o wide', 'get devices', 'get checkpoints -o json'],
  flags: {
    ...daemonFlags,
    output: { kind: 'enum', short: 'o', values: ['table', 'wide', 'json', 'yaml'], usage: 'how to print it' },
    'no-headers': { kind: 'bool', usage: 'print no line of headings' },
  },
  args: { min: 1, max: 1 },
  complete: kinds,
  async run({ flags, args: [kind = ''], console }) {
    if (!(kinds as readonly string[]).includes(kind)) {
      throw new UsageError(`"${printable(kind)}" is none of ${kinds.join(', ')}`);
    }
    const client = await daemonClient(flags);
    const wide = flags.output === 'wide';
    const { signal } = console;
    const list = await listOf(client, kind as Kind, signal);
    if (flags.output === 'json' || flags.output === 'yaml') {
      console.out.write(await plainData(list, flags.output));
      return;
    }
    const rows = rowsOf(kind as Kind, list.items, wide);
    console.out.write(columns(flags['no-headers'] ? rows.slice(1) : rows));
  },
});

type Kind = (typeof kinds)[number];

function listOf(client: StasisClient, kind: Kind, signal: AbortSignal): Promise<List<unknown>> {
  if (kind === 'checkpoints') return client.checkpoints(signal);
  if (kind === 'devices') return client.devices(signal);
  if (kind === 'cpus') return client.cpus(signal);
  if (kind === 'operations') return client.operations(signal);
  return client.pods(signal);
}

function rowsOf(kind: Kind, items: readonly unknown[], wide: boolean): string[][] {
  if (kind === 'checkpoints') return checkpointRows(items as CheckpointSummary[], wide);
  if (kind === 'cpus') return cpuRows(items as CpuSummary[], wide);
  if (kind === 'devices') return deviceRows(items as DeviceSummary[], wide);
  if (kind === 'operations') return operationRows(items as Operation[], wide);
  if (kind === 'pods') return podRows(items as PodSummary[], wide);
  return containerRows(items as PodSummary[], wide);
}

function cpuRows(items: readonly CpuSummary[], wide: boolean): string[][] {
  const heading = ['CPUS', 'COUNT', 'USE', 'NAMESPACE', 'POD', 'CONTAINER', ...(wide ? ['UID'] : [])];
  const rows = items.map((item) => [
    ...[item.cpus || '<none>', String(item.count), item.use],
    ...[item.namespace ?? '', item.pod ?? '', item.container ?? ''],
    ...(wide ? [item.podUid ?? ''] : []),
  ]);
  return [heading, ...rows];
}

function podRows(pods: readonly PodSummary[], wide: boolean): string[][] {
  const heading = [
    'NAMESPACE',
    'NAME',
    'READY',
    'STATUS',
    'RESTARTS',
    'RESTORED',
    ...(wide ? ['MEMORY', 'MEMORY LIMIT', 'UID', 'SANDBOX', 'MESSAGE'] : []),
  ];
  const rows = pods.map((pod) => {
    const lasting = pod.containers.filter(({ init, sidecar }) => !init || sidecar);
    const ready = lasting.filter((item) => item.ready).length;
    const restarts = pod.containers.reduce((sum, item) => sum + item.restarts, 0);
    return [
      pod.namespace,
      pod.name,
      `${ready}/${lasting.length}`,
      pod.phase,
      String(restarts),
      pod.restored ? 'true' : 'false',
      ...(wide ? [...memoryCells(pod.memory), pod.uid, pod.sandboxId.slice(0, 13), pod.message] : []),
    ];
  });
  return [heading, ...rows];
}

function containerRows(pods: readonly PodSummary[], wide: boolean): string[][] {
  const more = wide ? ['MEMORY', 'MEMORY LIMIT', 'NUMA', 'IMAGE', 'ID'] : [];
  const heading = ['NAMESPACE', 'POD', 'CONTAINER', 'STATE', 'RESTARTS', ...more];
  const rows = pods.flatMap((pod) =>
    pod.containers.map((item) => [
      pod.namespace,
      pod.name,
      item.name,
      item.state,
      String(item.restarts),
      ...(wide ? [...memoryCells(item.memory), numaCell(item), item.image, item.id.slice(0, 13)] : []),
    ]),
  );
  return [heading, ...rows];
}

/** What is asked for, and what may not be exceeded. */
function memoryCells({ requestBytes, limitBytes }: MemoryWanted): string[] {
  return [requestBytes, limitBytes].map((bytes) => (bytes === undefined ? '-' : byteText(bytes)));
}

/** The NUMA nodes that give the container memory. */
function numaCell({ givenMemory = [] }: ContainerSummary): string {
  return [...new Set(givenMemory.flatMap(({ numaNodes }) => numaNodes))].join(',') || '-';
}

function deviceRows(devices: readonly DeviceSummary[], wide: boolean): string[][] {
  const heading = ['RESOURCE', 'DEVICE', 'HEALTH', 'NUMA', 'POD', 'CONTAINER', ...(wide ? ['UID'] : [])];
  const rows = devices.map((item) => [
    item.resource,
    item.id,
    item.health,
    item.numaNodes.join(',') || '-',
    item.pod === undefined
      ? item.podUid === undefined
        ? '-'
        : '<unknown>'
      : `${item.namespace}/${item.pod}`,
    item.container ?? '-',
    ...(wide ? [item.podUid ?? '-'] : []),
  ]);
  return [heading, ...rows];
}

function checkpointRows(items: readonly CheckpointSummary[], wide: boolean): string[][] {
  const heading = ['NAMESPACE', 'POD', 'CONTAINER', 'CREATED', 'SIZE', 'PINNED', ...(wide ? ['NAME'] : [])];
  const rows = items.map((item) => [
    item.namespace,
    item.pod,
    item.container ?? '<all>',
    item.created,
    String(item.size),
    String(item.pinned),
    ...(wide ? [item.name] : []),
  ]);
  return [heading, ...rows];
}

function operationRows(items: readonly Operation[], wide: boolean): string[][] {
  const heading = ['ID', 'CHECKPOINT OF', 'STATE', 'STAGE', 'CREATED', ...(wide ? ['BY', 'ARCHIVE'] : [])];
  const rows = items.map(({ id, target, state, stage, created, by, result }) => [
    id,
    [target.namespace, target.pod, target.container].filter((part) => part !== undefined).join('/'),
    state,
    stage,
    created,
    ...(wide ? [by, result?.archive ?? ''] : []),
  ]);
  return [heading, ...rows];
}
