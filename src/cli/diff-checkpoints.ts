import { type Printable, printGoJson } from '../bytes/go-json.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { type Changes, diffReports, type FileOfProcess } from '../inspect/diff.ts';
import { imagesOf } from '../inspect/images.ts';
import type { PageDiff } from '../inspect/page-diff.ts';
import type { ProcessNode } from '../inspect/process-tree.ts';
import { type Report, readReport } from '../inspect/report.ts';
import type { SectionName } from '../inspect/sections.ts';
import { lateCodec } from '../localfs/late-codec.ts';
import { CommandError } from './command.ts';
import type { Console } from './console.ts';
import { allFiles, type FullDiff, pageSums, summaryLines } from './diff-summary.ts';
import { diffText } from './diff-text.ts';
import { commandLine } from './inspect-json.ts';
import { openCheckpoint } from './open.ts';
import { printable } from './output/escape.ts';
import { dataValue } from './plain-data.ts';
import { oneContainer, type PodArchive, podArchive } from './pod-archives.ts';
import { keepImages } from './with-images.ts';

export interface DiffFlags {
  files: boolean;
  format: string;
  memory: boolean;
  mounts: boolean;
  'ps-tree-cmd': boolean;
  'ps-tree-env': boolean;
  rootfs: boolean;
  'show-unchanged': boolean;
  sockets: boolean;
}

/** Compares two checkpoints of one container, or of one pod container by container, and prints how they differ. */
export async function diffCheckpoints(
  pathA: string,
  pathB: string,
  flags: DiffFlags,
  console: Console,
): Promise<void> {
  if (flags.format !== 'tree' && flags.format !== 'json') {
    throw new CommandError(`invalid output format: ${printable(flags.format)}`);
  }
  const podA = await podArchive(pathA, console);
  const podB = await podArchive(pathB, console);
  if (podA && podB) return diffPods(podA, podB, flags, console);
  const a = podA ? await oneContainer(pathA, console) : pathA;
  await diffContainers(a, podB ? await oneContainer(pathB, console) : pathB, flags, console);
}

/** Every container that both have, and the names of those that one alone has. */
async function diffPods(a: PodArchive, b: PodArchive, flags: DiffFlags, console: Console): Promise<void> {
  const inside = ({ path, containers }: PodArchive): Map<string, string> =>
    new Map(containers.map((each) => [each.slice(path.length + 1), each]));
  const [before, after] = [inside(a), inside(b)];
  if (![...before.keys()].some((name) => after.has(name))) {
    throw new CommandError(`${printable(a.path)} and ${printable(b.path)} have no container in common`);
  }
  const json: Printable[] = [];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [one, other] = [before.get(name), after.get(name)];
    if (one === undefined || other === undefined) {
      console.err.write(
        `container ${printable(name)} is only in ${printable(one === undefined ? b.path : a.path)}\n`,
      );
    } else {
      const node = await diffContainers(one, other, flags, console, true);
      if (node !== undefined) json.push(node);
    }
  }
  if (flags.format === 'json') console.out.write(`${printGoJson(json, '  ')}\n`);
}

/** @param collected Whether JSON is given back in place of being printed. */
async function diffContainers(
  pathA: string,
  pathB: string,
  flags: DiffFlags,
  console: Console,
  collected = false,
): Promise<Printable | undefined> {
  let node: Printable | undefined;
  await withCheckpoint(pathA, flags, console, (checkpointA) =>
    withCheckpoint(pathB, flags, console, async (checkpointB) => {
      const a = await reportOf(checkpointA, flags, console);
      const b = await reportOf(checkpointB, flags, console);
      const diff = diffReports(a, b);
      if (!diff.sameContainer) throw differentContainers(a, b);
      const pages = flags.memory ? await pagesOf(checkpointA, checkpointB, console) : undefined;
      if (flags.format !== 'json') console.out.write(diffText(a, b, { ...diff, pages }, flags));
      else node = diffNode(a, b, { ...diff, pages }, flags);
    }),
  );
  if (node === undefined || collected) return node;
  console.out.write(`${printGoJson(node, '  ')}\n`);
  return undefined;
}

function differentContainers(a: Report, b: Report): CommandError {
  const name = ({ identity }: Report): string => `${printable(identity.name)} (${printable(identity.id)})`;
  return new CommandError(`checkpoints are from different containers:\n  A: ${name(a)}\n  B: ${name(b)}`);
}

async function withCheckpoint(
  path: string,
  { memory }: DiffFlags,
  console: Console,
  work: (checkpoint: Checkpoint) => Promise<void>,
): Promise<void> {
  const checkpoint = await openCheckpoint(path, { limits: console.limits, signal: console.signal });
  try {
    if (memory) await keepImages(checkpoint, console.signal);
    await work(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

async function pagesOf(a: Checkpoint, b: Checkpoint, { signal }: Console): Promise<PageDiff[]> {
  const { diffPages } = await import('../inspect/page-diff.ts');
  const spaces: PageDiff[] = [];
  for await (const space of diffPages(await imagesOf(a), await imagesOf(b), { signal })) spaces.push(space);
  return spaces;
}

async function reportOf(checkpoint: Checkpoint, flags: DiffFlags, console: Console): Promise<Report> {
  const sections: SectionName[] = [];
  if (flags.files || flags.sockets) sections.push('files');
  if (flags.mounts) sections.push('mounts');
  if (flags.rootfs) sections.push('rootfs');
  const report = await readReport(checkpoint, {
    processes: true,
    args: flags['ps-tree-cmd'],
    environment: flags['ps-tree-env'],
    sections,
    codec: lateCodec,
    signal: console.signal,
  });
  for (const { about, message } of report.problems) {
    const subject = `${printable(checkpoint.origin)}: failed to get ${printable(about)}`;
    console.err.write(`Error: ${subject}: ${printable(message)}\n`);
  }
  return report;
}

function diffNode(a: Report, b: Report, diff: FullDiff, flags: DiffFlags): Printable {
  const change = diff.memory.after - diff.memory.before;
  const side = ({ identity, sizes }: Report) => ({
    created: identity.created,
    checkpointed: identity.checkpointed,
    total_size: sizes.images,
  });
  return {
    container_id: a.identity.id,
    container_name: a.identity.name,
    image: a.identity.image,
    checkpoint_a: side(a),
    checkpoint_b: side(b),
    process_changes: changesNode(diff.processes, processNode),
    environment_changes:
      flags['ps-tree-env'] && diff.environment.length > 0
        ? diff.environment.map((one) => ({ ...one }))
        : undefined,
    file_changes: flags.files ? changesNode(allFiles(diff), fileNode) : undefined,
    memory_changes: {
      size_change_bytes: change,
      size_change_mb: change / 2 ** 20,
      pages: diff.pages && { ...pageSums(diff.pages) },
      spaces: diff.pages && dataValue(diff.pages),
    },
    mount_changes: flags.mounts ? changesNode(diff.mounts, dataValue) : undefined,
    rootfs_changes: flags.rootfs ? changesNode(diff.rootfs, dataValue) : undefined,
    socket_changes: flags.sockets ? changesNode(diff.sockets, socketNode) : undefined,
    summary: summaryLines(a, diff, flags).join('\n'),
  };
}

function changesNode<T>(
  changes: Changes<T> & { readonly modified?: readonly { readonly after: T }[] },
  node: (item: T) => Printable,
): Printable {
  const list = (items: readonly T[] = []) => (items.length > 0 ? items.map(node) : undefined);
  return {
    added: list(changes.added),
    removed: list(changes.removed),
    modified: list(changes.modified?.map(({ after }) => after)),
    unchanged: list(changes.unchanged),
  };
}

function processNode({ pid, comm, args }: ProcessNode): Printable {
  return { pid, command: comm, cmdline: args?.length ? commandLine(args) : undefined };
}

function fileNode({ pid, fd, file }: FileOfProcess): Printable {
  const type = typeof fd === 'number' ? file.type : '';
  return { path: file.label, type, pid, fd: typeof fd === 'number' ? `${type} ${fd}` : fd };
}

function socketNode({ pid, file: { socket } }: FileOfProcess): Printable {
  if (!socket) return { pid };
  return {
    pid,
    protocol: socket.protocol || socket.type,
    type: socket.family === 'UNIX' ? 'UNIX' : socket.protocol || socket.family,
    address: socket.path || undefined,
    state: socket.state,
    source: socket.source?.address,
    src_port: socket.source?.port || undefined,
    dest: socket.destination?.address,
    dst_port: socket.destination?.port || undefined,
  };
}
