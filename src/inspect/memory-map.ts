import type { FileTable } from '../criu/file-table.ts';
import type { ImageSet } from '../criu/image-set.ts';
import { Memory, type MemoryRun } from '../criu/pages.ts';
import { MemfdInodeEntry } from '../gen/criu/files.ts';
import { MmEntry, type VmaEntry } from '../gen/criu/memory.ts';
import { adviceBits, bitNames } from './linux-names.ts';

/** Bits of a map's `status`, as CRIU sets them. */
export const vmaStatus = {
  regular: 1 << 0,
  stack: 1 << 1,
  vsyscall: 1 << 2,
  vdso: 1 << 3,
  heap: 1 << 5,
  filePrivate: 1 << 6,
  fileShared: 1 << 7,
  anonymousShared: 1 << 8,
  anonymousPrivate: 1 << 9,
  systemV: 1 << 10,
  socket: 1 << 11,
  vvar: 1 << 12,
  aioRing: 1 << 13,
  memfd: 1 << 14,
  shadowStack: 1 << 15,
  guard: 1 << 16,
  uprobes: 1 << 17,
} as const;

export interface MappedRange {
  readonly start: bigint;
  readonly end: bigint;
  /** `rwxp`: readable, writable, executable, private or shared. */
  readonly rights: string;
  /** Path of a file, `[heap]`, `[stack]`, `[vdso]`, `[anon shared 7]`, `memfd:name`, `[System V 3]` or empty. */
  readonly name: string;
  readonly kind:
    | 'file'
    | 'anonymous'
    | 'heap'
    | 'stack'
    | 'vdso'
    | 'shared'
    | 'memfd'
    | 'system-v'
    | 'guard'
    | 'other';
  /** In the file, in bytes. */
  readonly offset: number;
  /** Pages whose contents are in the checkpoint, in bytes; of shared maps, see shared memory. */
  readonly resident: number;
  /** In the dump before this one, which is not here, or on a page server. */
  readonly absent: number;
  readonly advice: readonly string[];
  /** Of shared maps: the number under which the segment's pages are kept. */
  readonly segment?: number;
}

export interface MemoryMap {
  readonly pid: number;
  readonly pageSize: number;
  readonly ranges: readonly MappedRange[];
  /** Sums over the ranges, in bytes. */
  readonly mapped: number;
  readonly resident: number;
  /** Length of maps that are shared, whatever is in them. */
  readonly shared: number;
}

/** The maps of one process, or undefined where it has none. @throws CodedError `corrupt` */
export async function memoryMap(
  images: ImageSet,
  files: FileTable,
  pid: number,
): Promise<MemoryMap | undefined> {
  const mm = await images.message(`mm-${pid}.img`, MmEntry);
  if (!mm) return undefined;
  const memfds = new Map<number, MemfdInodeEntry>();
  for (const one of await images.messages('memfd.img', MemfdInodeEntry))
    memfds.set(Number(one.inode_id), one);
  const memory = await Memory.open(images, `pagemap-${pid}.img`);
  try {
    const counts = residentBytes(sortedVmas(mm), memory);
    const ranges = sortedVmas(mm).map((vma, at) => describe(vma, nameOf(vma, mm, files, memfds), counts[at]));
    const sum = (pick: (range: MappedRange) => number): number =>
      ranges.reduce((all, one) => all + pick(one), 0);
    const length = ({ start, end }: MappedRange): number => Number(end - start);
    return {
      pid,
      pageSize: memory?.pageSize ?? 4096,
      ranges,
      mapped: sum(length),
      resident: sum(({ resident }) => resident),
      shared: sum((range) => (range.rights.endsWith('s') ? length(range) : 0)),
    };
  } finally {
    await memory?.close();
  }
}

/** The maps by rising address; CRIU puts guard regions behind all others, and they lie inside those. */
export function sortedVmas(mm: MmEntry): VmaEntry[] {
  return mm.vmas
    .filter(({ status }) => (status & vmaStatus.guard) === 0)
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
}

interface Count {
  resident: number;
  absent: number;
}

/** One pass over the maps and the pages, both by rising address. */
function residentBytes(vmas: readonly VmaEntry[], memory: Memory | undefined): Count[] {
  const counts = vmas.map(() => ({ resident: 0, absent: 0 }));
  let at = 0;
  for (const run of memory?.runs() ?? []) {
    while (at < vmas.length && (vmas[at]?.end ?? 0n) <= run.start) at += 1;
    for (let next = at; (vmas[next]?.start ?? run.end) < run.end; next++) {
      const [vma, count] = [vmas[next], counts[next]];
      if (vma && count) addRun(count, vma, run);
    }
  }
  return counts;
}

function addRun(count: Count, vma: VmaEntry, run: MemoryRun): void {
  let { start, end } = run;
  if (vma.start > start) start = vma.start;
  if (vma.end < end) end = vma.end;
  if (end <= start) return;
  if (run.state === 'present') count.resident += Number(end - start);
  else count.absent += Number(end - start);
}

function describe(vma: VmaEntry, naming: Naming, count: Count | undefined): MappedRange {
  const rights = ['r', 'w', 'x'].map((letter, bit) => (vma.prot & (1 << bit) ? letter : '-')).join('');
  return {
    start: vma.start,
    end: vma.end,
    rights: rights + (vma.flags & 1 ? 's' : 'p'),
    ...naming,
    offset: Number(vma.pgoff),
    resident: count?.resident ?? 0,
    absent: count?.absent ?? 0,
    advice: bitNames(vma.madv ?? 0n, adviceBits),
  };
}

type Naming = Pick<MappedRange, 'kind' | 'name' | 'segment'>;

function nameOf(
  vma: VmaEntry,
  mm: MmEntry,
  files: FileTable,
  memfds: ReadonlyMap<number, MemfdInodeEntry>,
): Naming {
  const has = (bit: number): boolean => (vma.status & bit) !== 0;
  const id = Number(vma.shmid);
  if (has(vmaStatus.systemV)) return { kind: 'system-v', name: `[System V ${id}]`, segment: id };
  if (has(vmaStatus.memfd)) {
    const inode = memfds.get(files.get(id)?.memfd?.inode_id ?? -1);
    return inode ? segmentNaming(inode) : { kind: 'memfd', name: 'memfd:?' };
  }
  if (has(vmaStatus.anonymousShared)) return { kind: 'shared', name: `[anon shared ${id}]`, segment: id };
  if (has(vmaStatus.filePrivate | vmaStatus.fileShared)) {
    return { kind: 'file', name: files.get(id)?.reg?.name ?? `file ${id}` };
  }
  return specialNaming(vma, mm) ?? { kind: 'anonymous', name: '' };
}

/** Shared anonymous memory is kept as a nameless memfd; the kernel calls its file `/dev/zero`. */
function segmentNaming({ name, shmid }: MemfdInodeEntry): Naming {
  if (name === '/dev/zero') return { kind: 'shared', name: `[anon shared ${shmid}]`, segment: shmid };
  return { kind: 'memfd', name: `memfd:${name}`, segment: shmid };
}

const special: readonly (readonly [bit: number, kind: Naming['kind'], name: string])[] = [
  [vmaStatus.vdso, 'vdso', '[vdso]'],
  [vmaStatus.vsyscall, 'other', '[vsyscall]'],
  [vmaStatus.vvar, 'other', '[vvar]'],
  [vmaStatus.aioRing, 'other', '[aio]'],
  [vmaStatus.shadowStack, 'other', '[shadow stack]'],
  [vmaStatus.uprobes, 'other', '[uprobes]'],
  [vmaStatus.heap, 'heap', '[heap]'],
  [vmaStatus.stack, 'stack', '[stack]'],
];

/** Today's CRIU marks neither heap nor stack: they are where the process says they are. */
function specialNaming(vma: VmaEntry, mm: MmEntry): Naming | undefined {
  const found = special.find(([bit]) => (vma.status & bit) !== 0);
  if (found) return { kind: found[1], name: found[2] };
  if (vma.start < mm.mm_brk && vma.end > mm.mm_start_brk) return { kind: 'heap', name: '[heap]' };
  const growsDown = (vma.flags & 0x100) !== 0;
  const holdsStack = vma.start <= mm.mm_start_stack && mm.mm_start_stack < vma.end;
  return growsDown || holdsStack ? { kind: 'stack', name: '[stack]' } : undefined;
}
