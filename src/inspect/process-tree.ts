import type { ImageSet } from '../criu/image-set.ts';
import { PstreeEntry } from '../gen/criu/inventory.ts';
import { CoreEntry } from '../gen/criu/task.ts';
import { Problems } from './problems.ts';
import { type ProcessText, readProcessText } from './process-memory.ts';

/** The words that checkpointctl prints. A zombie that waits for its parent is dumped as `Dead`. */
export const taskStates: Readonly<Record<number, TaskState>> = {
  1: 'Alive',
  2: 'Dead',
  3: 'Stopped',
  6: 'Zombie',
};

export type TaskState = 'Alive' | 'Dead' | 'Stopped' | 'Zombie' | 'Unknown';

export interface ProcessNode extends ProcessText {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  /** Empty where the image of the process is missing. */
  readonly comm: string;
  readonly state: TaskState;
  /** Of a dead process: what it left with, or the signal that ended it. */
  readonly exitStatus?: number;
  readonly exitSignal?: number;
  /** Of a stopped process. */
  readonly stopSignal?: number;
  /** Thread ids, the process's own first; none for a dead process. */
  readonly threads: readonly number[];
  /** By pid. */
  readonly children: readonly ProcessNode[];
}

export interface ProcessTreeOptions {
  /** Read each process's arguments from its memory. */
  args?: boolean | undefined;
  environment?: boolean | undefined;
  problems?: Problems;
}

/**
 * The processes of a checkpoint. More than one root stands for a tree that does not hang together, which the
 * problems say; every process of the image is in the answer once.
 * @throws CodedError `corrupt` when the list of processes itself cannot be read.
 */
export async function processTree(
  images: ImageSet,
  options: ProcessTreeOptions = {},
): Promise<ProcessNode[]> {
  const problems = options.problems ?? new Problems();
  const entries = await listProcesses(images, problems);
  const children = Map.groupBy(entries.values(), ({ ppid }) => ppid);
  const placed = new Set<number>();

  const place = async (first: PstreeEntry): Promise<ProcessNode> => {
    // A chain of processes may be far longer than the stack is deep: collect first, build from the leaves.
    const order: PstreeEntry[] = [];
    const waiting = [first];
    for (let entry = waiting.pop(); entry; entry = waiting.pop()) {
      if (placed.has(entry.pid)) continue;
      placed.add(entry.pid);
      order.push(entry);
      for (const child of children.get(entry.pid) ?? []) waiting.push(child);
    }
    const nodes = new Map<number, ProcessNode>();
    for (const entry of order.toReversed()) {
      const own = (children.get(entry.pid) ?? []).map(({ pid }) => nodes.get(pid));
      const below = own.filter((node) => node !== undefined).sort((a, b) => a.pid - b.pid);
      nodes.set(entry.pid, await describe(images, entry, below, options, problems));
    }
    return nodes.get(first.pid) as ProcessNode;
  };

  const roots: ProcessNode[] = [];
  for (const entry of entries.values()) {
    if (entry.ppid !== 0 && entries.has(entry.ppid)) continue;
    if (entry.ppid !== 0)
      problems.add('pstree.img', `process ${entry.pid}: its parent ${entry.ppid} is missing`);
    roots.push(await place(entry));
  }
  for (const entry of entries.values()) {
    if (placed.has(entry.pid)) continue;
    problems.add('pstree.img', `process ${entry.pid} is its own ancestor`);
    roots.push(await place(entry));
  }
  return roots;
}

/** The processes in the order of the image, each pid once. */
export async function listProcesses(
  images: ImageSet,
  problems = new Problems(),
): Promise<Map<number, PstreeEntry>> {
  const entries = new Map<number, PstreeEntry>();
  const all = await images.messages('pstree.img', PstreeEntry);
  if (all.length === 0) problems.add('pstree.img', 'there is no list of processes');
  for (const entry of all) {
    if (entries.has(entry.pid)) problems.add('pstree.img', `process ${entry.pid} is there twice`);
    else entries.set(entry.pid, entry);
  }
  return entries;
}

async function describe(
  images: ImageSet,
  entry: PstreeEntry,
  children: ProcessNode[],
  options: ProcessTreeOptions,
  problems: Problems,
): Promise<ProcessNode> {
  const { pid, ppid, pgid, sid } = entry;
  const about = `process ${pid}`;
  const core = await problems.attempt(about, () => images.message(`core-${pid}.img`, CoreEntry));
  const tc = core?.tc;
  if (!tc) problems.add(about, `core-${pid}.img is missing or says nothing about the process`);
  const state = taskStates[tc?.task_state ?? 0] ?? 'Unknown';
  const ended = state === 'Dead' || state === 'Zombie';
  const wantsText = !ended && (options.args || options.environment);
  const text = wantsText && (await problems.attempt(about, () => readProcessText(images, pid, options)));
  return {
    ...{ pid, ppid, pgid, sid, comm: tc?.comm ?? '', state },
    ...(ended && tc ? exitOf(tc.exit_code) : {}),
    ...(tc?.stop_signo ? { stopSignal: tc.stop_signo } : {}),
    threads: ended ? [] : entry.threads,
    ...(text || {}),
    children,
  };
}

function exitOf(waitStatus: number): { exitStatus?: number; exitSignal?: number } {
  const signal = waitStatus & 0x7f;
  return signal ? { exitSignal: signal } : { exitStatus: (waitStatus >> 8) & 0xff };
}

/** Every node of a tree, parents before their children. */
export function* walk(nodes: readonly ProcessNode[]): Generator<ProcessNode> {
  const waiting = nodes.toReversed();
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    yield node;
    for (const child of node.children.toReversed()) waiting.push(child);
  }
}
