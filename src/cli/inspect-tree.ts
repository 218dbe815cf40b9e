import type { Json } from '../bytes/go-json.ts';
import type { NetworkAddress } from '../checkpoint/identity.ts';
import type { ProcessFiles } from '../inspect/open-files.ts';
import type { ProcessNode } from '../inspect/process-tree.ts';
import type { Report } from '../inspect/report.ts';
import type { CheckpointSizes } from '../inspect/sizes.ts';
import type { DumpStatistics } from '../inspect/stats.ts';
import { annotationTree, isJsonAnnotation, jsonText, volumesAnnotation, volumesIn } from './annotations.ts';
import { addressesOf, commandLine, type ShownParts } from './inspect-json.ts';
import { byteText, durationText } from './output/quantities.ts';
import { type TreeNode, treeNode } from './output/tree.ts';
import { dataNodes, wordsOf } from './plain-data.ts';
import { fileNodes, socketNodes } from './process-files.ts';

/** A report as the tree that `inspect` prints. */
export function reportTree(report: Report, options: ShownParts = {}): TreeNode {
  const { identity, sizes, statistics, processes, mounts } = report;
  const children = [
    treeNode(`Image: ${identity.image}`),
    treeNode(`ID: ${identity.id}`),
    treeNode(`Runtime: ${identity.runtime}`),
    treeNode(`Created: ${identity.created}`),
    ...(identity.checkpointed ? [treeNode(`Checkpointed: ${identity.checkpointed}`)] : []),
    treeNode(`Engine: ${identity.engine}`),
    ...networkNodes(report),
    ...sizeNodes(sizes),
  ];
  if (statistics) children.push(statisticsNode(statistics));
  if (options.metadata) children.push(metadataNode(report));
  if (processes)
    children.push(
      treeNode(
        'Process tree',
        processes.map((root) => processNode(root, report, options)),
      ),
    );
  if (mounts && mounts.length > 0) {
    const nodes = mounts.map(({ destination, type, source }) =>
      treeNode(`Destination: ${destination}`, [treeNode(`Type: ${type}`), treeNode(`Source: ${source}`)]),
    );
    children.push(treeNode('Overview of mounts', nodes));
  }
  for (const name of options.sections ?? []) {
    const nodes = dataNodes(report.sections?.[name]);
    if (nodes.length > 0 && report.sections?.[name] !== undefined)
      children.push(treeNode(wordsOf(name), nodes));
  }
  return treeNode(identity.name || 'Container', children);
}

function networkNodes(report: Report): TreeNode[] {
  if (report.networks.length > 0) {
    const byInterface = Map.groupBy(report.networks, (one) => `${one.network} (${one.interface})`);
    const nodes = [...byInterface].map(([title, addresses]) =>
      treeNode(title, addresses.flatMap(addressNodes)),
    );
    return [treeNode('Network Interfaces', nodes)];
  }
  const { ip, mac } = addressesOf(report);
  return [...(ip ? [treeNode(`IP: ${ip}`)] : []), ...(mac ? [treeNode(`MAC: ${mac}`)] : [])];
}

function addressNodes({ address, mac, gateway }: NetworkAddress): TreeNode[] {
  const facts = [
    ['IP', address],
    ['MAC', mac],
    ['Gateway', gateway],
  ];
  return facts.filter(([, value]) => value).map(([name, value]) => treeNode(`${name}: ${value}`));
}

function sizeNodes(sizes: CheckpointSizes): TreeNode[] {
  const parts: TreeNode[] = [];
  if (sizes.pages > 0) parts.push(treeNode(`Memory pages size: ${byteText(sizes.pages)}`));
  if (sizes.gpuPages > 0) parts.push(treeNode(`AMD GPU memory pages size: ${byteText(sizes.gpuPages)}`));
  const nodes = [treeNode(`Checkpoint size: ${byteText(sizes.images)}`, parts)];
  if (sizes.rootfsDiff > 0) nodes.push(treeNode(`Root FS diff size: ${byteText(sizes.rootfsDiff)}`));
  return nodes;
}

function statisticsNode(statistics: DumpStatistics): TreeNode {
  return treeNode('CRIU dump statistics', [
    treeNode(`Freezing time: ${durationText(statistics.freezingTime)}`),
    treeNode(`Frozen time: ${durationText(statistics.frozenTime)}`),
    treeNode(`Memdump time: ${durationText(statistics.memdumpTime)}`),
    treeNode(`Memwrite time: ${durationText(statistics.memwriteTime)}`),
    treeNode(`Pages scanned: ${statistics.pagesScanned}`),
    treeNode(`Pages written: ${statistics.pagesWritten}`),
  ]);
}

function metadataNode({ identity }: Report): TreeNode {
  const nodes: TreeNode[] = [];
  if (identity.pod) nodes.push(treeNode(`Pod name: ${identity.pod}`));
  if (identity.namespace) nodes.push(treeNode(`Kubernetes namespace: ${identity.namespace}`));
  const annotations = [...identity.annotations].sort(([a], [b]) => (a < b ? -1 : 1));
  if (annotations.length > 0) {
    nodes.push(
      treeNode(
        'Annotations',
        annotations.flatMap(([key, value]) => annotationNodes(key, value)),
      ),
    );
  }
  return treeNode('Metadata', nodes);
}

function annotationNodes(key: string, value: string): TreeNode[] {
  if (key === volumesAnnotation) {
    const volumes = volumesIn(value).map(({ containerPath, facts }) =>
      treeNode(
        containerPath,
        facts.map(([name, fact]) => treeNode(`${name}: ${fact}`)),
      ),
    );
    return [treeNode(key, volumes)];
  }
  if (!isJsonAnnotation(key)) return [treeNode(`${key}: ${value}`)];
  const object = annotationTree(value);
  // checkpointctl drops what it cannot take apart; it is shown as it is here.
  return object ? [treeNode(key, memberNodes(object))] : [treeNode(`${key}: ${value}`)];
}

function memberNodes(value: Json): TreeNode[] {
  const members: [string, Json][] =
    value instanceof Map
      ? [...value].sort(([a], [b]) => (a < b ? -1 : 1))
      : Array.isArray(value)
        ? value.map((item, index): [string, Json] => [String(index), item])
        : [];
  return members.map(([key, member]) =>
    member instanceof Map || Array.isArray(member)
      ? treeNode(key, memberNodes(member))
      : treeNode(`${key}: ${jsonText(member)}`),
  );
}

/** Built from the leaves: a tree from outside may be deeper than calls may nest. */
function processNode(root: ProcessNode, report: Report, options: ShownParts): TreeNode {
  const files = new Map(report.sections?.files?.map((one) => [one.pid, one]));
  const order = [root];
  for (let at = 0; at < order.length; at++) {
    for (const child of order[at]?.children ?? []) order.push(child);
  }
  const nodes = new Map<ProcessNode, TreeNode>();
  for (const process of order.toReversed()) {
    const below = process.children.flatMap((child) => nodes.get(child) ?? []);
    const state = process.state === 'Alive' ? '' : ` (${process.state})`;
    const text = process.args?.length ? commandLine(process.args) : process.comm;
    const own = [...environmentNodes(process), ...openNodes(files.get(process.pid), options)];
    nodes.set(process, treeNode(text, [...own, ...below], `${process.pid}${state}`));
  }
  return nodes.get(root) ?? treeNode('');
}

function openNodes(files: ProcessFiles | undefined, options: ShownParts): TreeNode[] {
  const groups: [string, TreeNode[]][] = [
    ['Open files', files && options.files ? fileNodes(files) : []],
    ['Open sockets', files && options.sockets ? socketNodes(files) : []],
  ];
  return groups.filter(([, nodes]) => nodes.length > 0).map(([title, nodes]) => treeNode(title, nodes));
}

function environmentNodes({ environment }: ProcessNode): TreeNode[] {
  if (!environment?.length) return [];
  return [
    treeNode(
      'Environment variables',
      environment.toSorted().map((setting) => treeNode(setting)),
    ),
  ];
}
