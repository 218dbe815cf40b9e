import { contentData } from '../../nodestate/content.ts';
import type { Examined } from '../../nodestate/examined.ts';
import { printable } from '../output/escape.ts';
import { tabTable } from '../output/tab-table.ts';
import { validity } from './render.ts';

type Data = Record<string, unknown>;

/** A file's content for people: what the file is, then one row for each thing that somebody has. */
export function contentRows(examined: Examined): string {
  const { report } = examined;
  const data = contentData(examined) as Data;
  const state = validity(report, { good: '', bad: 'NOT VALID' });
  const head = [printable(report.path), `${report.kind} ${report.version ?? ''}`.trimEnd(), state]
    .filter(Boolean)
    .join('  ');
  const rows = rowsOf(report.kind, data);
  const facts = Object.entries(data)
    .filter(([, value]) => typeof value !== 'object')
    .map(([name, value]) => `  ${name}: ${printable(String(value))}`);
  const table = rows.length > 0 ? [tabTable(['Pod', 'Container', 'What', 'Has'], rows).trimEnd()] : [];
  return `${[head, ...facts, ...table].join('\n')}\n`;
}

function rowsOf(kind: string, data: Data): string[][] {
  if (kind === 'device-manager') return deviceRows(data);
  if (kind === 'dra-manager') return claimRows(data);
  if (kind === 'bootstrap-pod') return partRows(data);
  const rows: string[][] = [];
  for (const [name, entries] of Object.entries(data)) {
    if (!isData(entries)) continue;
    if (name === 'machineState') {
      rows.push(...nodeRows(entries));
      continue;
    }
    for (const [pod, value] of Object.entries(entries)) rows.push(...podRows(name, pod, value));
  }
  return rows;
}

function podRows(name: string, pod: string, value: unknown): string[][] {
  if (!isData(value)) return [[pod, '', name, text(value)]];
  const containers = isData(value['ContainerResources']) ? value['ContainerResources'] : value;
  return Object.entries(containers).map(([container, has]) => [pod, container, name, text(has)]);
}

/** What each NUMA node has, in bytes, and the nodes that it shares containers with. */
function nodeRows(nodes: Data): string[][] {
  return Object.entries(nodes).flatMap(([id, node]) => {
    if (!isData(node)) return [];
    const { memoryMap, cells, numberOfAssignments } = node;
    const memory = isData(memoryMap) ? Object.entries(memoryMap) : [];
    return [
      [`(NUMA node ${id})`, '', 'cells', `${text(cells)}, ${text(numberOfAssignments)} assignments`],
      ...memory.map(([resource, table]) => [`(NUMA node ${id})`, '', resource, text(table)]),
    ];
  });
}

/** Name and parts of a pod that was kept whole. */
function partRows({ Pod: pod }: Data): string[][] {
  if (!isData(pod)) return [];
  const name = isData(pod['metadata']) ? text(pod['metadata']['name'] ?? '') : '';
  return Object.entries(pod).map(([part, has]) => [name, '', part, text(has)]);
}

function deviceRows({ Data: data }: Data): string[][] {
  if (!isData(data)) return [];
  const entries = (data['PodDeviceEntries'] as Data[] | null) ?? [];
  const rows = entries.map((entry) => [
    text(entry['PodUID']),
    text(entry['ContainerName']),
    text(entry['ResourceName']),
    text(entry['DeviceIDs']),
  ]);
  const registered = Object.entries((data['RegisteredDevices'] as Data | null) ?? {});
  return [...rows, ...registered.map(([resource, ids]) => ['(registered)', '', resource, text(ids)])];
}

function claimRows(data: Data): string[][] {
  const claims = (data['ClaimInfoStateList'] ?? data['entries'] ?? []) as Data[];
  return claims.map((claim) => [
    Object.keys((claim['PodUIDs'] as Data | null) ?? {}).join(', '),
    '',
    `${text(claim['Namespace'])}/${text(claim['ClaimName'])}`,
    text(claim['DriverState'] ?? claim['CDIDevices']),
  ]);
}

function isData(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value on one line, without the quotes that only JSON needs. */
function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value).replaceAll('"', '');
}
