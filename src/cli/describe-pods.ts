import type {
  ContainerSummary,
  MemoryWanted,
  NodeMemoryStatus,
  NodeStatus,
  PodDetails,
} from '../api/stasis.ts';
import { printable } from './output/escape.ts';
import { byteText } from './output/quantities.ts';

/** A name, a value, and what belongs below it. */
export type DescribedLine = readonly [name: string, value: string, below?: readonly DescribedLine[]];

export function describedText(lines: readonly DescribedLine[], indent = ''): string {
  const width = Math.max(0, ...lines.map(([name]) => name.length)) + 2;
  return lines
    .map(([name, value, below]) => {
      const head = value === '' ? `${name}:` : `${`${name}:`.padEnd(width)}${printable(value)}`;
      return `${indent}${head}\n${below ? describedText(below, `${indent}  `) : ''}`;
    })
    .join('');
}

export function nodeLines(node: NodeStatus): DescribedLine[] {
  return [
    ['Name', node.name],
    ['Version', `stasis ${node.version}`],
    ['Root directory', node.rootDirectory],
    ['Address', node.hostIP],
    ['Container runtime', `${node.runtime.name} ${node.runtime.version}`],
    ...memoryLines(node.memory),
    ['Drained', node.drained ? 'yes: pods of manifests are held back' : 'no'],
    ...node.oldSandboxes.map(
      ({ folder, count }): DescribedLine => [
        'Pods of dockershim',
        `${count} in ${folder}, left by a runtime before: "stasis state show FILE" explains each`,
      ],
    ),
  ];
}

function memoryLines(memory: NodeMemoryStatus): DescribedLine[] {
  const { totalBytes, requestedBytes, policy, problem, numaNodes } = memory;
  return [
    ['Memory', `${byteText(totalBytes)}, ${byteText(requestedBytes)} asked for by pods`],
    [
      'Memory manager',
      problem === undefined ? policy : `${policy}, but it gives nothing: ${problem}`,
      numaNodes.map(({ node, resource, total, reserved, allocatable, free, group }): DescribedLine => {
        const given = `${byteText(allocatable - free)} of ${byteText(allocatable)} given`;
        const together =
          group.length > 1 ? `, in one group with ${group.filter((one) => one !== node).join(', ')}` : '';
        return [
          `NUMA node ${node}, ${resource}`,
          `${given}; ${byteText(total)} in all, ${byteText(reserved)} kept for the system${together}`,
        ];
      }),
    ],
  ];
}

/** `64.0 MiB asked for, at most 128.0 MiB`. */
function wantedText({ requestBytes, limitBytes }: MemoryWanted): string {
  const parts = [
    ...(requestBytes === undefined ? [] : [`${byteText(requestBytes)} asked for`]),
    ...(limitBytes === undefined ? [] : [`at most ${byteText(limitBytes)}`]),
  ];
  return parts.join(', ') || 'not said';
}

export function podLines(pod: PodDetails): DescribedLine[] {
  const networks = {
    host: `the node's, ${pod.address}`,
    pod: pod.address,
    loopback: 'none of its own: it reaches itself alone',
    '': 'none yet',
  };
  return [
    ['Name', `${pod.namespace}/${pod.name}`],
    ['UID', pod.uid],
    ['Status', `${pod.phase}${pod.ready ? ', ready' : ''}`],
    ...(pod.message === '' ? [] : [['Message', pod.message] satisfies DescribedLine]),
    ['Source', pod.manifest ?? 'a checkpoint'],
    ['Accepted', pod.seen],
    ['Restored', pod.restored ? 'yes' : 'no'],
    ['Sandbox', pod.sandboxId || 'none'],
    ['Network', networks[pod.network]],
    ['Memory', wantedText(pod.memory)],
    ...(pod.configuration.length > 0
      ? [['Configuration', pod.configuration.join(', ')] satisfies DescribedLine]
      : []),
    [
      'Containers',
      '',
      pod.containers.map((item): DescribedLine => [item.name, '', containerLines(pod, item)]),
    ],
    [
      'Events',
      pod.events.length === 0 ? 'none since the daemon started' : '',
      pod.events.map(
        ({ time, level, message, count }): DescribedLine => [
          time,
          `${level === 'warn' ? 'warning: ' : ''}${message}${count > 1 ? ` (${count} times)` : ''}`,
        ],
      ),
    ],
  ];
}

export function containerLines(pod: PodDetails, item: ContainerSummary): DescribedLine[] {
  const spec = specOf(pod, item.name);
  const probes = ['startupProbe', 'livenessProbe', 'readinessProbe'].filter(
    (name) => spec?.[name] !== undefined,
  );
  const state = item.exitCode === undefined ? item.state : `${item.state} with status ${item.exitCode}`;
  return [
    ['ID', item.id || 'none'],
    ['Image', item.image],
    ['State', `${state}${item.ready ? ', ready' : ''}`],
    ['Restarts', String(item.restarts)],
    ['Memory', wantedText(item.memory)],
    ...(item.givenMemory ?? []).map(
      ({ resource, bytes, numaNodes }): DescribedLine => [
        'Its own',
        `${byteText(bytes)} of ${resource} on NUMA node${numaNodes.length > 1 ? 's' : ''} ${numaNodes.join(', ')}`,
      ],
    ),
    ...(item.init ? [['Kind', item.sidecar ? 'sidecar' : 'init container'] satisfies DescribedLine] : []),
    ...(probes.length > 0 ? [['Probes', probes.join(', ')] satisfies DescribedLine] : []),
    ...(item.message ? [['Message', item.message] satisfies DescribedLine] : []),
  ];
}

/** The container as the pod describes it. */
export function specOf({ pod }: PodDetails, name: string): Record<string, unknown> | undefined {
  const { spec } = pod as { spec?: Record<string, Record<string, unknown>[] | undefined> };
  const all = [...(spec?.['initContainers'] ?? []), ...(spec?.['containers'] ?? [])];
  return all.find((item) => item['name'] === name);
}
