import { type Printable, printGoJson } from '../bytes/go-json.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { memberFolders } from '../checkpoint/layout.ts';
import type { ImageSet } from '../criu/image-set.ts';
import { decodePagemap } from '../criu/pagemap.ts';
import { Memory } from '../criu/pages.ts';
import { MmEntry } from '../gen/criu/memory.ts';
import { announce } from '../inspect/announce.ts';
import { imagesOf } from '../inspect/images.ts';
import { type ProcessNode, processTree, walk } from '../inspect/process-tree.ts';
import { AtomicFile } from '../localfs/atomic-file.ts';
import { CommandError, UsageError } from './command.ts';
import type { Console } from './console.ts';
import { hexdump } from './hexdump.ts';
import { type Match, searchMemory } from './memory-matches.ts';
import { openCheckpoint } from './open.ts';
import { printable } from './output/escape.ts';
import { byteText } from './output/quantities.ts';
import { tabTable } from './output/tab-table.ts';
import { oneContainer, withContainersOfPods } from './pod-archives.ts';

export interface MemoryFlags {
  context: number;
  format: 'table' | 'json';
  output: string;
  pid: number;
  search: string;
  'search-regex': string;
}

/** Prints how much memory processes have, what is in one, or where something is found in one. */
export async function parseMemory(
  paths: readonly string[],
  flags: MemoryFlags,
  console: Console,
): Promise<void> {
  const searching = flags.search !== '' || flags['search-regex'] !== '';
  if (flags.format === 'json' && flags.pid !== 0 && !searching) {
    throw new UsageError('--format json is for sizes and searches; memory itself is printed as a dump');
  }
  if (flags.pid !== 0 || searching) {
    const [given = ''] = paths;
    const path = await oneContainer(given, console);
    await withImages(path, console, (images, checkpoint) =>
      oneProcess(path, images, checkpoint, flags, console),
    );
    return;
  }
  const nodes: Printable[] = [];
  for (const path of await withContainersOfPods(paths, console)) {
    await withImages(path, console, async (images) => {
      const sizes = await processSizes(images);
      nodes.push({ path, processes: sizes.map((size) => ({ ...size })) });
      if (flags.format === 'json') return;
      console.out.write(`\nDisplaying processes memory sizes from ${printable(path)}\n\n`);
      console.out.write(sizeTable(sizes));
    });
  }
  if (flags.format === 'json') console.out.write(`${printGoJson(nodes, '  ')}\n`);
}

async function withImages(
  path: string,
  console: Console,
  work: (images: ImageSet, checkpoint: Checkpoint) => Promise<void>,
): Promise<void> {
  const checkpoint = await openCheckpoint(path, { limits: console.limits });
  try {
    await announce(checkpoint, {
      names: [],
      images: ['inventory.img', 'pstree.img', 'core-', 'mm-', 'pagemap-'],
    });
    await work(await imagesOf(checkpoint), checkpoint);
  } finally {
    await checkpoint.close();
  }
}

/** Bit of a map's flags that says that it is shared. */
const mapShared = 1;

interface ProcessSize {
  pid: number;
  process_name: string;
  memory_size: number;
  shared_memory_size: number;
}

async function processSizes(images: ImageSet): Promise<ProcessSize[]> {
  const sizes: ProcessSize[] = [];
  for (const process of inDepth(await processTree(images))) {
    const memory = await Memory.open(images, `pagemap-${process.pid}.img`);
    let bytes = 0n;
    for (const { start, end } of memory?.runs() ?? []) bytes += end - start;
    await memory?.close();
    const mm = await images.message(`mm-${process.pid}.img`, MmEntry);
    let shared = 0n;
    for (const { start, end, flags } of mm?.vmas ?? []) if (flags & mapShared) shared += end - start;
    sizes.push({
      ...{ pid: process.pid, process_name: process.comm },
      ...{ memory_size: Number(bytes), shared_memory_size: Number(shared) },
    });
  }
  return sizes;
}

function sizeTable(sizes: readonly ProcessSize[]): string {
  const rows = sizes.map(({ pid, process_name, memory_size, shared_memory_size }) => {
    return [String(pid), process_name, byteText(memory_size), byteText(shared_memory_size)];
  });
  return tabTable(['PID', 'Process name', 'Memory size', 'Shared memory size'], rows);
}

/** Parents before their children, children by pid. */
function* inDepth(roots: readonly ProcessNode[]): Generator<ProcessNode> {
  const waiting = roots.toReversed();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    yield next;
    for (const child of next.children.toReversed()) waiting.push(child);
  }
}

async function oneProcess(
  path: string,
  images: ImageSet,
  checkpoint: Checkpoint,
  flags: MemoryFlags,
  console: Console,
): Promise<void> {
  const { pid } = flags;
  const process = [...walk(await processTree(images))].find((one) => one.pid === pid);
  if (!process) {
    throw new CommandError(`no process with PID ${pid} (use \`inspect --ps-tree\` to view all PIDs)`);
  }
  await announcePages(checkpoint, images, pid);
  const memory = await Memory.open(images, `pagemap-${pid}.img`);
  if (!memory) {
    throw new CommandError(`process ${pid} has no memory pages (task state is zombie or dead)`);
  }
  try {
    if (flags.search !== '' || flags['search-regex'] !== '') await search(memory, flags, console);
    else if (flags.output === '') await printDump(path, memory, pid, console);
    else await writeDump(path, memory, flags, console);
  } finally {
    await memory.close();
  }
}

/** A compressed archive is told which pages will be read, so that it is passed once for all of them. */
async function announcePages(checkpoint: Checkpoint, images: ImageSet, pid: number): Promise<void> {
  const bytes = checkpoint.sequential ? await images.bytes(`pagemap-${pid}.img`) : undefined;
  if (!bytes) return;
  const { pagesId } = decodePagemap(bytes);
  await checkpoint.prepare({ names: [`${memberFolders.images}pages-${pagesId}.img`] });
}

const head = `Address           Hexadecimal                                       ASCII            \n${'-'.repeat(85)}\n`;

async function printDump(path: string, memory: Memory, pid: number, console: Console): Promise<void> {
  const title = `Displaying memory pages content for process ID ${pid} from checkpoint`;
  console.out.write(`\n${title}: ${printable(path)}\n\n${head}`);
  for await (const lines of hexdump(memory, { collapse: true, signal: console.signal }))
    console.out.write(lines);
}

async function writeDump(path: string, memory: Memory, flags: MemoryFlags, console: Console): Promise<void> {
  const title = `Writing memory pages content for process ID ${flags.pid} from checkpoint`;
  console.out.write(`\n${title}: ${printable(path)} to file: ${printable(flags.output)}...\n`);
  const file = await AtomicFile.create(flags.output);
  try {
    await file.write(Buffer.from(head));
    for await (const lines of hexdump(memory, { collapse: false, signal: console.signal })) {
      await file.write(Buffer.from(lines));
    }
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.commit();
}

async function search(memory: Memory, flags: MemoryFlags, console: Console): Promise<void> {
  if (flags.context < 0)
    throw new CommandError('failed to search pattern in memory: context size cannot be negative');
  const pattern = flags.search || flags['search-regex'];
  const matches: Match[] = [];
  const options = { regex: flags.search === '', context: flags.context, signal: console.signal };
  for await (const match of searchMemory(memory, pattern, options)) matches.push(match);
  if (flags.format === 'json') {
    const found = matches.map(({ address, text }, at) => {
      return { address: `0x${address.toString(16)}`, match: text, instance: at + 1 };
    });
    console.out.write(`${printGoJson({ pid: flags.pid, pattern, matches: found }, '  ')}\n`);
    return;
  }
  if (matches.length === 0) {
    console.out.write(`No matches for pattern "${printable(pattern)}" in the memory of PID ${flags.pid}\n`);
    return;
  }
  const rows = matches.map(({ address, text }, at) => [
    address.toString(16).padStart(16, '0'),
    text,
    String(at + 1),
  ]);
  console.out.write(tabTable(['Address', 'Match', 'Instance'], rows));
}
