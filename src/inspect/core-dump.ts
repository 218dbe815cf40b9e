import type { ByteSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import { FileTable } from '../criu/file-table.ts';
import type { ImageSet } from '../criu/image-set.ts';
import { Memory, type MemoryRun } from '../criu/pages.ts';
import { CodedError } from '../errors/coded-error.ts';
import { MmEntry } from '../gen/criu/memory.ts';
import { CoreEntry } from '../gen/criu/task.ts';
import { coreNotes, elfMachine } from './core-notes.ts';
import { type MappedFile, MappedFiles } from './mapped-files.ts';
import { type MappedRange, memoryMap } from './memory-map.ts';
import { readProcessText } from './process-memory.ts';
import { listProcesses } from './process-tree.ts';

/** A core file that is not written yet: a few pieces and holes of zeros between them. */
export interface CoreFile {
  /** Its length, holes included. */
  readonly size: number;
  /** What is to be written where, by rising offset; what is left out is zero. */
  parts(signal?: AbortSignal): AsyncGenerator<CorePart>;
  /** Bytes of maps whose contents are not in the checkpoint: a debugger looks for them in the mapped files. */
  readonly missing: number;
  close(): Promise<void>;
}

export interface CorePart {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** One loadable part of the file. */
interface Segment {
  start: bigint;
  end: bigint;
  flags: number;
  /** Whether the file holds it; else a debugger is told that it does not know. */
  known: boolean;
  /** The contents; what no piece covers is zero. */
  pieces: { at: bigint; length: number; pages: ByteSource; offset: number }[];
  offset: number;
}

const headerSize = 64;
const programHeaderSize = 56;
const sectionHeaderSize = 64;
/** As many program headers do not fit into their field of the header. */
const manyHeaders = 0xffff;

export interface CoreOptions {
  /** The file that was mapped under this path in the container, where it can be had; closed by the core file. */
  openMapped?: (file: MappedFile) => Promise<ByteSource | undefined>;
}

/**
 * The state of a process as an ELF core file, for a debugger. What of a map is in its file only is left out, or comes
 * from there with `openMapped`.
 * @throws CodedError `not-found`, `failed-precondition` for a dead process, `unsupported` for a processor
 *   other than x86-64 and aarch64, `corrupt`.
 */
export async function coreDump(
  images: ImageSet,
  pid: number,
  { openMapped }: CoreOptions = {},
): Promise<CoreFile> {
  const entry = (await listProcesses(images)).get(pid);
  if (!entry) throw new CodedError('not-found', `no process with PID ${pid}`, { data: { pid } });
  const mm = await images.message(`mm-${pid}.img`, MmEntry);
  const table = await FileTable.read(images);
  const map = await memoryMap(images, table, pid);
  if (!mm || !map) throw new CodedError('failed-precondition', `process ${pid} is dead and has no memory`);
  const threads = [];
  for (const tid of [pid, ...entry.threads.filter((one) => one !== pid)]) {
    const core = await images.message(`core-${tid}.img`, CoreEntry);
    if (!core) throw new CodedError('corrupt', `core-${tid}.img is missing`);
    threads.push({ tid, core });
  }
  const machine = elfMachine(threads[0]?.core ?? ({} as CoreEntry));
  const { args = [] } = await readProcessText(images, pid, { args: true });
  const files = map.ranges.filter(({ kind }) => kind === 'file');
  const { pageSize } = map;
  const notes = coreNotes({ entry, threads, args, auxv: mm.mm_saved_auxv, files, pageSize });
  const sources = new Sources(images, new MappedFiles(table, mm, openMapped));
  try {
    const segments: Segment[] = [];
    for (const range of map.ranges) {
      for (const segment of await segmentsOf(range, sources, pid)) segments.push(segment);
    }
    return layOut(machine, notes, segments, pageSize, () => sources.close());
  } catch (error) {
    await sources.close();
    throw error;
  }
}

/** The memories that the segments are filled from, each opened once. */
class Sources {
  readonly files: MappedFiles;
  readonly #images: ImageSet;
  readonly #memories = new Map<string, Promise<Memory | undefined>>();

  constructor(images: ImageSet, files: MappedFiles) {
    this.#images = images;
    this.files = files;
  }

  memory(name: string): Promise<Memory | undefined> {
    const memory = this.#memories.get(name) ?? Memory.open(this.#images, name);
    this.#memories.set(name, memory);
    return memory;
  }

  async close(): Promise<void> {
    for (const memory of this.#memories.values()) await (await memory.catch(() => undefined))?.close();
    await this.files.close();
  }
}

/** The runs of a map, at the addresses of the process. */
async function runsOf(range: MappedRange, sources: Sources, pid: number): Promise<MemoryRun[]> {
  if (range.segment === undefined) {
    const memory = await sources.memory(`pagemap-${pid}.img`);
    return [...(memory?.runs(range.start, range.end) ?? [])];
  }
  const memory = await sources.memory(`pagemap-shmem-${range.segment}.img`);
  const from = BigInt(range.offset);
  const shift = range.start - from;
  const runs = memory?.runs(from, from + (range.end - range.start)) ?? [];
  return Array.from(runs, (run) => ({ ...run, start: run.start + shift, end: run.end + shift }));
}

/**
 * Private memory that is in no pages file was never touched: it is zero. Of a mapped file it is what the file
 * holds, which is not here; so such a map is cut into what is known and what is not.
 */
async function segmentsOf(range: MappedRange, sources: Sources, pid: number): Promise<Segment[]> {
  const flags =
    (range.rights[0] === 'r' ? 4 : 0) | (range.rights[1] === 'w' ? 2 : 0) | (range.rights[2] === 'x' ? 1 : 0);
  const part = (start: bigint, end: bigint, known: boolean): Segment => ({
    start,
    end,
    flags,
    known,
    pieces: [],
    offset: 0,
  });
  if (range.name === '[vvar]' || range.name === '[vsyscall]') return [part(range.start, range.end, false)];
  const segments: Segment[] = [];
  const file = range.kind === 'file' ? await sources.files.open(range) : undefined;
  let at = range.start;
  const gap = (end: bigint): void => {
    if (at < end && file) segments.push(...fromFile(range, file, part, at, end));
    else if (at < end) segments.push(part(at, end, range.kind !== 'file'));
    at = end;
  };
  for (const run of await runsOf(range, sources, pid)) {
    gap(run.start);
    const segment = part(run.start, run.end, run.pages !== undefined);
    const length = Number(run.end - run.start);
    if (run.pages) segment.pieces.push({ at: run.start, length, pages: run.pages, offset: run.offset });
    segments.push(segment);
    at = run.end;
  }
  gap(range.end);
  return joined(segments);
}

/** What of a map its file holds; behind the end of the file nothing can be known. */
function fromFile(
  range: MappedRange,
  file: ByteSource,
  part: (start: bigint, end: bigint, known: boolean) => Segment,
  start: bigint,
  end: bigint,
): Segment[] {
  const offset = range.offset + Number(start - range.start);
  const length = Math.max(0, Math.min(Number(end - start), file.size - offset));
  if (length === 0) return [part(start, end, false)];
  const segment = part(start, end, true);
  segment.pieces.push({ at: start, length, pages: file, offset });
  return [segment];
}

/** Neighbours that are both known, or both not, as one. */
function joined(segments: readonly Segment[]): Segment[] {
  const out: Segment[] = [];
  for (const segment of segments) {
    const last = out.at(-1);
    if (last && last.known === segment.known && last.end === segment.start) {
      last.end = segment.end;
      for (const piece of segment.pieces) last.pieces.push(piece);
    } else out.push(segment);
  }
  return out;
}

function layOut(
  machine: number,
  notes: Uint8Array,
  segments: Segment[],
  pageSize: number,
  close: () => Promise<void>,
): CoreFile {
  const count = segments.length + 1;
  const notesAt = headerSize + programHeaderSize * count + (count >= manyHeaders ? sectionHeaderSize : 0);
  const align = (offset: number): number => Math.ceil(offset / pageSize) * pageSize;
  let size = align(notesAt + notes.length);
  for (const segment of segments) {
    segment.offset = size;
    if (segment.known) size += Number(segment.end - segment.start);
  }
  if (!Number.isSafeInteger(size))
    throw new CodedError('corrupt', 'the maps are larger than any file can be');
  const head = concat([headers(machine, notes.length, notesAt, segments, pageSize), notes]);
  const missing = segments.reduce(
    (sum, { known, start, end }) => (known ? sum : sum + Number(end - start)),
    0,
  );
  return { size, missing, close, parts: (signal) => partsOf(head, segments, signal) };
}

const longestPiece = 4 << 20;

async function* partsOf(
  head: Uint8Array,
  segments: readonly Segment[],
  signal: AbortSignal | undefined,
): AsyncGenerator<CorePart> {
  yield { offset: 0, bytes: head };
  for (const segment of segments) {
    for (const piece of segment.pieces) {
      const offset = segment.offset + Number(piece.at - segment.start);
      for (let at = 0; at < piece.length; at += longestPiece) {
        const length = Math.min(longestPiece, piece.length - at);
        yield { offset: offset + at, bytes: await piece.pages.read(piece.offset + at, length, signal) };
      }
    }
  }
}

/** The ELF header, the program headers and, when there are too many of those, the section that counts them. */
function headers(
  machine: number,
  notesLength: number,
  notesAt: number,
  segments: readonly Segment[],
  pageSize: number,
): Uint8Array {
  const bytes = new Uint8Array(notesAt);
  const view = new DataView(bytes.buffer);
  const count = segments.length + 1;
  const many = count >= manyHeaders;
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 4, true);
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(32, BigInt(headerSize), true);
  view.setUint16(52, headerSize, true);
  view.setUint16(54, programHeaderSize, true);
  view.setUint16(56, many ? manyHeaders : count, true);
  if (many) {
    const sectionAt = notesAt - sectionHeaderSize;
    view.setBigUint64(40, BigInt(sectionAt), true);
    view.setUint16(58, sectionHeaderSize, true);
    view.setUint16(60, 1, true);
    view.setUint32(sectionAt + 44, count, true);
  }
  programHeader(view, headerSize, {
    type: 4,
    flags: 0,
    offset: notesAt,
    address: 0n,
    inFile: notesLength,
    inMemory: 0n,
    align: 4,
  });
  for (const [at, { start, end, flags, known, offset }] of segments.entries()) {
    const inMemory = end - start;
    const inFile = known ? Number(inMemory) : 0;
    const place = headerSize + (at + 1) * programHeaderSize;
    programHeader(view, place, { type: 1, flags, offset, address: start, inFile, inMemory, align: pageSize });
  }
  return bytes;
}

interface ProgramHeader {
  type: number;
  flags: number;
  offset: number;
  address: bigint;
  inFile: number;
  inMemory: bigint;
  align: number;
}

function programHeader(view: DataView, at: number, header: ProgramHeader): void {
  view.setUint32(at, header.type, true);
  view.setUint32(at + 4, header.flags, true);
  view.setBigUint64(at + 8, BigInt(header.offset), true);
  view.setBigUint64(at + 16, header.address, true);
  view.setBigUint64(at + 32, BigInt(header.inFile), true);
  view.setBigUint64(at + 40, header.inMemory, true);
  view.setBigUint64(at + 48, BigInt(header.align), true);
}
