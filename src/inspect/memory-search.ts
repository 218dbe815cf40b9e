import type { ByteSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import { FileTable } from '../criu/file-table.ts';
import type { ImageSet } from '../criu/image-set.ts';
import { Memory, type MemoryRun } from '../criu/pages.ts';
import { CoreEntry } from '../gen/criu/task.ts';
import { type ByteFinder, compilePattern, ofExpression, type PatternSpec } from './byte-pattern.ts';
import { type MappedRange, memoryMap } from './memory-map.ts';
import { listProcesses } from './process-tree.ts';
import { secretPatterns } from './secret-patterns.ts';
import { type SharedSegment, sharedMemory } from './shared-memory.ts';

export interface SearchOptions {
  /** What to look for; all of these. */
  readonly patterns?: readonly PatternSpec[];
  /** Look for what looks like a secret, too. */
  readonly secrets?: boolean;
  /** Only these processes; shared memory is searched when nothing is chosen, or with `shared`. */
  readonly pids?: readonly number[];
  readonly shared?: boolean;
  /** Bytes before and after each match. */
  readonly context?: number;
  /** Makes characters of bytes, one of each; give the platform's own, it is many times faster. */
  readonly latin1?: (bytes: Uint8Array) => string;
  /** Bytes to read at a time, at most. */
  readonly pieceSize?: number;
  readonly signal?: AbortSignal;
}

export interface SearchHit {
  /** The process, or undefined in shared memory. */
  readonly pid?: number;
  readonly comm?: string;
  /** The number of the shared segment. */
  readonly segment?: number;
  /** In the process, or the offset in the segment. */
  readonly address: bigint;
  readonly match: Uint8Array;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** The map's or segment's name: a path, `[heap]`, `memfd:name`. */
  readonly map: string;
  readonly rights: string;
  /** In the mapped file. */
  readonly fileOffset?: number;
  /** Which of the patterns, by its place among them, or the kind of secret. */
  readonly pattern: number | string;
}

interface NamedFinder {
  readonly pattern: number | string;
  readonly finder: ByteFinder;
}

/**
 * Everything that matches in the memory of a dump, by process and address; pages come in as they are needed.
 * Matches that go on over a page or from one map into the next are found like all others.
 * @throws CodedError `invalid-argument` for a pattern, `not-found` for a process that is not there.
 */
export async function* searchMemory(images: ImageSet, options: SearchOptions): AsyncGenerator<SearchHit> {
  const finders: NamedFinder[] = (options.patterns ?? []).map((spec, at) => ({
    pattern: at,
    finder: compilePattern(spec),
  }));
  if (options.secrets) {
    for (const { name, source } of secretPatterns) {
      finders.push({ pattern: name, finder: ofExpression(source) });
    }
  }
  const table = await FileTable.read(images);
  for (const pid of (await listProcesses(images)).keys()) {
    if (options.pids && !options.pids.includes(pid)) continue;
    const memory = await Memory.open(images, `pagemap-${pid}.img`);
    const map = memory && (await memoryMap(images, table, pid));
    const comm = (await images.message(`core-${pid}.img`, CoreEntry))?.tc?.comm ?? '';
    yield* searchOne(memory, finders, options, (address) => ({
      pid,
      comm,
      ...placeIn(map?.ranges ?? [], address),
    }));
  }
  if (options.pids ? !options.shared : options.shared === false) return;
  for (const one of await sharedMemory(images)) {
    const memory = await Memory.open(images, `pagemap-shmem-${one.segment}.img`);
    yield* searchOne(memory, finders, options, () => segmentPlace(one));
  }
}

type Place = Pick<SearchHit, 'pid' | 'comm' | 'segment' | 'map' | 'rights' | 'fileOffset'>;

function segmentPlace({ kind, name, segment }: SharedSegment): Place {
  const map =
    kind === 'memfd'
      ? `memfd:${name}`
      : kind === 'anonymous'
        ? `[anon shared ${segment}]`
        : `[System V ${segment}]`;
  return { segment, map, rights: 'rw-s' };
}

/** The map that an address is in; the ranges rise. */
function placeIn(ranges: readonly MappedRange[], address: bigint): Place {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.end ?? 0n) <= address) low = middle + 1;
    else high = middle;
  }
  const range = ranges[low];
  if (!range || range.start > address) return { map: '', rights: '' };
  const file = range.kind === 'file' && { fileOffset: range.offset + Number(address - range.start) };
  return {
    map: range.name,
    rights: range.rights,
    ...(range.segment !== undefined && { segment: range.segment }),
    ...file,
  };
}

async function* searchOne(
  memory: Memory | undefined,
  finders: readonly NamedFinder[],
  options: SearchOptions,
  place: (address: bigint) => Place,
): AsyncGenerator<SearchHit> {
  if (!memory) return;
  try {
    const context = options.context ?? 0;
    const reach = Math.max(0, ...finders.map(({ finder }) => finder.longest)) + context;
    const resume = new Map<NamedFinder, bigint>();
    for await (const window of windows(
      memory,
      reach,
      options.pieceSize ?? defaultPieceSize,
      options.signal,
    )) {
      for (const { pattern, at, length } of matchesIn(
        window,
        finders,
        resume,
        options.latin1 ?? slowLatin1,
      )) {
        const address = window.address + BigInt(at);
        const { bytes } = window;
        yield {
          ...place(address),
          address,
          match: bytes.slice(at, at + length),
          before: bytes.slice(Math.max(0, at - context), at),
          after: bytes.slice(at + length, at + length + context),
          pattern,
        };
      }
    }
  } finally {
    await memory.close();
  }
}

/** A piece of memory that hangs together; its bytes are only good until the next one is asked for. */
interface Window {
  readonly bytes: Uint8Array;
  /** Of the first byte. */
  readonly address: bigint;
  /** Matches count when they start here or later… */
  readonly from: number;
  /** …and before this: later ones are in the next window too. */
  readonly to: number;
}

/** Pieces of this size stay in the processor's own memory between being read and being searched. */
const defaultPieceSize = 1 << 19;

/**
 * The present pages in windows. Where one piece goes on in the next, the end of the one and the start of the
 * other are a small window of their own, so that the large ones need not be copied.
 * @param reach how far a match can go from where it begins, and what is wanted around it.
 */
async function* windows(
  memory: Memory,
  reach: number,
  pieceSize: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Window> {
  let tail = new Uint8Array();
  for await (const { bytes, start, joined, last } of pieces(memory, pieceSize, signal)) {
    let from = 0;
    if (!joined) tail = new Uint8Array();
    if (tail.length > 0) {
      const seam = concat([tail, bytes.subarray(0, 2 * reach)]);
      from = Math.min(reach, bytes.length);
      const to = last ? tail.length + from : Math.min(tail.length + from, seam.length - reach);
      // What begins in the first half of the tail was found in the piece before.
      const open = Math.min(reach, tail.length);
      yield { bytes: seam, address: start - BigInt(tail.length), from: tail.length - open, to };
    }
    const to = last ? bytes.length : Math.max(from, bytes.length - reach);
    if (to > from) yield { bytes, address: start, from, to };
    tail = (bytes.length < 2 * reach ? concat([tail, bytes]) : bytes).slice(-2 * reach);
  }
}

interface Piece {
  bytes: Uint8Array;
  start: bigint;
  /** Goes on where the piece before ended. */
  joined: boolean;
  /** Nothing goes on where it ends. */
  last: boolean;
}

async function* pieces(
  memory: Memory,
  pieceSize: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  let end = -1n;
  const room = new Uint8Array(pieceSize);
  for (const { start, runs, goesOn } of chunks(memory, BigInt(pieceSize))) {
    signal?.throwIfAborted();
    const bytes = await readRuns(runs, room, signal);
    yield { bytes, start, joined: start === end, last: !goesOn };
    end = start + BigInt(bytes.length);
  }
}

interface Chunk {
  start: bigint;
  runs: MemoryRun[];
  goesOn: boolean;
}

/** Runs that touch, put together into reads of a good size. */
function* chunks(memory: Memory, chunkSize: bigint): Generator<Chunk> {
  let chunk: Chunk | undefined;
  let end = 0n;
  for (const run of presentParts(memory, chunkSize)) {
    const touches = chunk !== undefined && run.start === end;
    if (chunk && (!touches || end - chunk.start + (run.end - run.start) > chunkSize)) {
      chunk.goesOn = touches;
      yield chunk;
      chunk = undefined;
    }
    chunk ??= { start: run.start, runs: [], goesOn: false };
    chunk.runs.push(run);
    end = run.end;
  }
  if (chunk) yield chunk;
}

/** The present runs, long ones in parts. */
function* presentParts(memory: Memory, chunkSize: bigint): Generator<MemoryRun> {
  for (const run of memory.runs()) {
    if (run.state !== 'present') continue;
    for (let at = run.start; at < run.end; at += chunkSize) {
      let end = at + chunkSize;
      if (end > run.end) end = run.end;
      yield { ...run, start: at, end, offset: run.offset + Number(at - run.start) };
    }
  }
}

/** The bytes of runs that touch, in `room` where they have to be put together or read from a file. */
async function readRuns(
  runs: readonly MemoryRun[],
  room: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const merged: { run: MemoryRun; length: number }[] = [];
  for (const run of runs) {
    const length = Number(run.end - run.start);
    const before = merged.at(-1);
    // What is together in memory mostly is so in the file: one read instead of many.
    if (before && before.run.pages === run.pages && before.run.offset + before.length === run.offset)
      before.length += length;
    else merged.push({ run, length });
  }
  const [only] = merged;
  if (merged.length === 1 && only?.run.pages && !only.run.pages.readInto)
    return only.run.pages.read(only.run.offset, only.length, signal);
  let at = 0;
  for (const { run, length } of merged) {
    if (run.pages) await readPart(run.pages, run.offset, room.subarray(at, at + length), signal);
    else room.fill(0, at, at + length);
    at += length;
  }
  return room.subarray(0, at);
}

async function readPart(
  pages: ByteSource,
  offset: number,
  target: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (pages.readInto) await pages.readInto(target, offset, signal);
  else target.set(await pages.read(offset, target.length, signal));
}

interface FoundMatch {
  pattern: number | string;
  at: number;
  length: number;
}

/** @param resume where each finder goes on after its last match; matches of one finder do not overlap. */
function matchesIn(
  window: Window,
  finders: readonly NamedFinder[],
  resume: Map<NamedFinder, bigint>,
  latin1: (bytes: Uint8Array) => string,
): FoundMatch[] {
  let text: string | undefined;
  const asText = (): string => {
    text ??= latin1(window.bytes);
    return text;
  };
  const found: FoundMatch[] = [];
  for (const named of finders) {
    const { pattern, finder } = named;
    let from = Math.max(window.from, Number((resume.get(named) ?? 0n) - window.address));
    for (let match = finder.find(window.bytes, from, asText); match && match.at < window.to; ) {
      found.push({ pattern, ...match });
      from = match.at + match.length;
      resume.set(named, window.address + BigInt(from));
      match = finder.find(window.bytes, from, asText);
    }
  }
  return found.sort((a, b) => a.at - b.at);
}

function slowLatin1(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 4096) {
    parts.push(String.fromCharCode(...bytes.subarray(at, at + 4096)));
  }
  return parts.join('');
}
