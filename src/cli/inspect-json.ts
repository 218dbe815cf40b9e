import type { Printable } from '../bytes/go-json.ts';
import type { NetworkAddress } from '../checkpoint/identity.ts';
import type { ProcessNode } from '../inspect/process-tree.ts';
import type { Report } from '../inspect/report.ts';
import type { SectionName } from '../inspect/sections.ts';
import { annotationTree, isJsonAnnotation } from './annotations.ts';
import { dataValue } from './plain-data.ts';
import { fileDescriptorsNode, socketsNode } from './process-files.ts';

type Members = Record<string, Printable>;

/** What a rendering of a report shows besides what is always there. */
export interface ShownParts {
  metadata?: boolean;
  files?: boolean;
  sockets?: boolean;
  sections?: readonly SectionName[];
}

/** A report under the names and in the order of checkpointctl's JSON; what it does not have is left out. */
export function displayNode(report: Report, options: ShownParts = {}): Members {
  const { identity, sizes, statistics, processes } = report;
  const files = report.sections?.files;
  const { ip, mac } = addressesOf(report);
  const trees = (processes ?? []).flatMap(processNodes);
  return {
    container_name: identity.name,
    image: identity.image,
    id: identity.id,
    runtime: identity.runtime,
    created: identity.created,
    checkpointed: identity.checkpointed,
    engine: identity.engine,
    ip: ip || undefined,
    mac: mac || undefined,
    networks: report.networks.length > 0 ? networkNodes(report.networks) : undefined,
    checkpoint_size: {
      total_size: sizes.images || undefined,
      memory_pages_size: sizes.pages || undefined,
      amd_gpu_memory_pages_size: sizes.gpuPages || undefined,
      root_fs_diff_size: sizes.rootfsDiff || undefined,
    },
    statistics: statistics && {
      freezing_time: statistics.freezingTime || undefined,
      frozen_time: statistics.frozenTime || undefined,
      memdump_time: statistics.memdumpTime || undefined,
      memwrite_time: statistics.memwriteTime || undefined,
      pages_scanned: statistics.pagesScanned || undefined,
      pages_written: statistics.pagesWritten || undefined,
    },
    metadata: options.metadata ? metadataNode(report) : undefined,
    process_tree: trees[0],
    // A tree that does not hang together has several roots; checkpointctl knows one.
    other_process_trees: trees.length > 1 ? trees.slice(1) : undefined,
    file_descriptors: options.files && files ? fileDescriptorsNode(files) : undefined,
    sockets: options.sockets && files ? socketsNode(files) : undefined,
    mounts: report.mounts?.map(({ destination, type, source }) => ({ destination, type, source })),
    sections: options.sections?.length ? sectionsNode(report, options.sections) : undefined,
    problems:
      report.problems.length > 0
        ? report.problems.map(({ about, message }) => ({ about, message }))
        : undefined,
  };
}

function sectionsNode({ sections = {} }: Report, names: readonly SectionName[]): Printable {
  const found = names.filter((name) => sections[name] !== undefined);
  return new Map(found.map((name): [string, Printable] => [name, dataValue(sections[name])]));
}

/** All addresses and all MACs of a container, joined. */
export function addressesOf({ identity, networks }: Report): { ip: string; mac: string } {
  if (networks.length === 0) return { ip: identity.ip, mac: '' };
  const distinct = (values: readonly string[]): string => [...new Set(values.filter(Boolean))].join(', ');
  return {
    ip: distinct(networks.map(({ address }) => address.replace(/\/\d+$/, ''))),
    mac: distinct(networks.map(({ mac }) => mac)),
  };
}

function networkNodes(addresses: readonly NetworkAddress[]): Printable {
  return [...Map.groupBy(addresses, ({ network }) => network)].map(([name, inNetwork]) => ({
    name,
    interfaces: new Map(
      [...Map.groupBy(inNetwork, (one) => one.interface)].map(([ifname, list]): [string, Printable] => {
        // Of several subnets checkpointctl keeps the last.
        const { address = '', mac = '', gateway = '' } = list.at(-1) ?? {};
        return [ifname, { ip: address || undefined, mac: mac || undefined, gateway: gateway || undefined }];
      }),
    ),
  }));
}

function metadataNode({ identity }: Report): Members {
  const annotations = [...identity.annotations]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]): [string, Printable] => [
      key,
      isJsonAnnotation(key) ? (annotationTree(value) ?? value) : value,
    ]);
  return {
    pod_name: identity.pod || undefined,
    kubernetes_namespace: identity.namespace || undefined,
    annotations: annotations.length > 0 ? new Map(annotations) : undefined,
  };
}

/** Levels of one tree in JSON, which readers of it can nest; what is deeper is a tree of its own. */
const deepest = 64;

/** Built from the leaves: a tree from outside may be deeper than calls may nest. The tree itself comes first. */
function processNodes(root: ProcessNode): Members[] {
  const order = [{ process: root, depth: 0 }];
  for (let at = 0; at < order.length; at++) {
    const { process, depth = 0 } = order[at] ?? {};
    for (const child of process?.children ?? []) order.push({ process: child, depth: depth + 1 });
  }
  const nodes = new Map<ProcessNode, Members>();
  const trees: Members[] = [];
  for (const { process, depth } of order.toReversed()) {
    const cut = (depth + 1) % deepest === 0;
    const children = cut ? [] : process.children.map((child) => nodes.get(child) ?? {});
    const node = {
      pid: process.pid,
      command: process.comm,
      cmdline: process.args && commandLine(process.args),
      task_state: process.state === 'Alive' ? undefined : process.state,
      environment_variables: process.environment && environmentOf(process.environment),
      children: children.length > 0 ? children : undefined,
    };
    nodes.set(process, node);
    if (depth % deepest === 0) trees.push(node);
  }
  return trees.toReversed();
}

/** Arguments as checkpointctl shows them: each followed by a space. */
export function commandLine(args: readonly string[]): string {
  return args.map((arg) => `${arg} `).join('');
}

function environmentOf(settings: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    settings.map((setting): [string, string] => {
      const at = setting.indexOf('=');
      return at < 0 ? [setting, ''] : [setting.slice(0, at), setting.slice(at + 1)];
    }),
  );
}
