import { FileTable } from '../criu/file-table.ts';
import type { ImageSet } from '../criu/image-set.ts';
import { Memory } from '../criu/pages.ts';
import { comparePages, type PageChange, type PageStretch } from './compare-pages.ts';
import { type MappedRange, type MemoryMap, memoryMap } from './memory-map.ts';
import { listProcesses } from './process-tree.ts';
import { sharedMemory } from './shared-memory.ts';

/** Pages by what became of them. */
export type PageCounts = Readonly<Record<PageChange, number>>;

/** Pages of one map. */
export interface MapPages {
  readonly start: bigint;
  readonly end: bigint;
  readonly name: string;
  readonly rights: string;
  /** Where they were others before. */
  readonly rightsBefore?: string;
  /** A map that one of the checkpoints has not. */
  readonly only?: 'before' | 'after';
  readonly pages: PageCounts;
  /** Where pages differ, by rising address; pages that are the same are not listed. */
  readonly ranges: readonly PageStretch[];
  /** How many more ranges there are than those in `ranges`. */
  readonly moreRanges?: number;
}

/** The memory of one process, or one segment of shared memory, in two checkpoints. */
export interface PageDiff {
  readonly pid?: number;
  readonly segment?: number;
  readonly pageSize: number;
  readonly pages: PageCounts;
  readonly maps: readonly MapPages[];
}

export interface PageDiffOptions {
  signal?: AbortSignal | undefined;
  /** Most ranges that are kept of one map. */
  maxRanges?: number;
}

/**
 * Compares the memory of two checkpoints page by page: each process of either, then each shared segment. Of the pages
 * only a piece is in memory at a time.
 * @throws CodedError `corrupt`
 */
export async function* diffPages(
  before: ImageSet,
  after: ImageSet,
  options: PageDiffOptions = {},
): AsyncGenerator<PageDiff> {
  const [oldFiles, newFiles] = [await FileTable.read(before), await FileTable.read(after)];
  const [old, now] = [await listProcesses(before), await listProcesses(after)];
  for (const pid of new Set([...now.keys(), ...old.keys()])) {
    const pieces = piecesOf(await memoryMap(before, oldFiles, pid), await memoryMap(after, newFiles, pid));
    const found = await diffOne(before, after, `pagemap-${pid}.img`, pieces, options);
    if (found) yield { pid, ...found };
  }
  for (const [segment, pieces] of await segmentsOf(before, after)) {
    const found = await diffOne(before, after, `pagemap-shmem-${segment}.img`, pieces, options);
    if (found) yield { segment, ...found };
  }
}

async function diffOne(
  before: ImageSet,
  after: ImageSet,
  name: string,
  pieces: readonly Piece[],
  { signal, maxRanges = 1000 }: PageDiffOptions,
): Promise<Omit<PageDiff, 'pid' | 'segment'> | undefined> {
  const old = await Memory.open(before, name);
  try {
    const now = await Memory.open(after, name);
    if (!old && !now) return undefined;
    try {
      const pageSize = Math.min(old?.pageSize ?? 1 << 16, now?.pageSize ?? 1 << 16);
      const tallies = new Tallies(pieces, pageSize, maxRanges);
      for await (const stretch of comparePages(old, now, signal)) tallies.add(stretch);
      return { pageSize, ...tallies.result() };
    } finally {
      await now?.close();
    }
  } finally {
    await old?.close();
  }
}

type Piece = Pick<MapPages, 'start' | 'end' | 'name' | 'rights' | 'rightsBefore' | 'only'>;

/** The maps of the second checkpoint, and what the first had where the second has none; by rising address. */
function piecesOf(before: MemoryMap | undefined, after: MemoryMap | undefined): Piece[] {
  const [olds, nows] = [apart(before?.ranges ?? []), apart(after?.ranges ?? [])];
  const pieces: Piece[] = [];
  let first = 0;
  for (const { start, end, name, rights } of nows) {
    while ((olds[first]?.end ?? end) <= start) first += 1;
    const old = olds[first];
    const was = old && old.start < end ? old : undefined;
    const changed = was && was.rights !== rights ? { rightsBefore: was.rights } : {};
    pieces.push({ start, end, name, rights, ...changed, ...(!was && before && { only: 'after' as const }) });
  }
  let at = 0;
  for (const old of olds) {
    let { start } = old;
    while ((nows[at]?.end ?? old.end) <= start && at < nows.length) at += 1;
    for (let next = at; start < old.end; next++) {
      const now = nows[next];
      const end = now && now.start < old.end ? now.start : old.end;
      if (start < end) pieces.push({ ...pick(old), start, end, ...(after && { only: 'before' as const }) });
      start = now && now.start < old.end ? now.end : old.end;
    }
  }
  return pieces.sort((a, b) => (a.start < b.start ? -1 : 1));
}

function pick({ name, rights }: MappedRange): { name: string; rights: string } {
  return { name, rights };
}

/** Maps of a real process never overlap; of those that do, the first counts. */
function apart(ranges: readonly MappedRange[]): MappedRange[] {
  let end = 0n;
  const kept: MappedRange[] = [];
  for (const range of ranges) {
    const start = range.start < end ? end : range.start;
    if (start >= range.end) continue;
    kept.push({ ...range, start });
    end = range.end;
  }
  return kept;
}

async function segmentsOf(before: ImageSet, after: ImageSet): Promise<Map<number, Piece[]>> {
  const [old, now] = [await segmentPieces(before), await segmentPieces(after)];
  const all = new Map<number, Piece[]>();
  for (const id of new Set([...now.keys(), ...old.keys()])) {
    const [was, is] = [old.get(id), now.get(id)];
    const piece = is ?? was;
    if (!piece) continue;
    const end = was && was.end > piece.end ? was.end : piece.end;
    const only = !was ? ({ only: 'after' } as const) : !is ? ({ only: 'before' } as const) : {};
    all.set(id, [{ ...piece, end, ...only }]);
  }
  return all;
}

async function segmentPieces(images: ImageSet): Promise<Map<number, Piece>> {
  const segments = (await sharedMemory(images)).map(({ kind, segment, name, size }): [number, Piece] => {
    const title = kind === 'memfd' ? `memfd:${name ?? ''}` : kind === 'system-v' ? 'System V' : 'anonymous';
    return [segment, { start: 0n, end: BigInt(size), name: title, rights: 'shared' }];
  });
  return new Map(segments);
}

const changes: readonly PageChange[] = ['same', 'changed', 'added', 'removed', 'unknown'];

function noPages(): Record<PageChange, number> {
  return { same: 0, changed: 0, added: 0, removed: 0, unknown: 0 };
}

interface Tally {
  readonly piece: Piece;
  readonly pages: Record<PageChange, number>;
  readonly ranges: PageStretch[];
  moreRanges: number;
  /** The stretch that was added last, listed or not. */
  last?: PageStretch;
}

/** Adds stretches, which come by rising address, to the maps that they lie in. */
class Tallies {
  readonly #tallies: Tally[];
  readonly #pageSize: bigint;
  readonly #maxRanges: number;
  #outside: Tally | undefined;
  #at = 0;

  constructor(pieces: readonly Piece[], pageSize: number, maxRanges: number) {
    this.#tallies = pieces.map(tallyOf);
    this.#pageSize = BigInt(pageSize);
    this.#maxRanges = maxRanges;
  }

  add({ start, end, change }: PageStretch): void {
    while (start < end) {
      while (this.#at < this.#tallies.length && (this.#tallies[this.#at]?.piece.end ?? 0n) <= start)
        this.#at += 1;
      const next = this.#tallies[this.#at];
      const inside = next !== undefined && next.piece.start <= start;
      const limit = inside ? next.piece.end : (next?.piece.start ?? end);
      const stop = limit < end ? limit : end;
      this.#count(inside ? next : this.#noMap(), { start, end: stop, change });
      start = stop;
    }
  }

  result(): Pick<PageDiff, 'pages' | 'maps'> {
    const tallies = this.#outside ? [...this.#tallies, this.#outside] : this.#tallies;
    const pages = noPages();
    for (const tally of tallies) for (const change of changes) pages[change] += tally.pages[change];
    const told = tallies.filter((one) => one.piece.only || one.piece.rightsBefore || total(one.pages) > 0);
    const maps = told.map(({ piece, pages, ranges, moreRanges }) => ({
      ...{ ...piece, pages, ranges },
      ...(moreRanges > 0 && { moreRanges }),
    }));
    return { pages, maps };
  }

  /** Pages that no map holds: the images do not agree with each other. */
  #noMap(): Tally {
    this.#outside ??= tallyOf({ start: 0n, end: 1n << 64n, name: 'outside of all maps', rights: '' });
    return this.#outside;
  }

  #count(tally: Tally, stretch: PageStretch): void {
    const { start, end, change } = stretch;
    tally.pages[change] += Number((end - start) / this.#pageSize);
    if (change === 'same') return;
    const goesOn = tally.last?.end === start && tally.last.change === change;
    tally.last = stretch;
    const kept = tally.ranges.at(-1);
    if (goesOn && kept && tally.moreRanges === 0)
      tally.ranges.splice(-1, 1, { start: kept.start, end, change });
    else if (tally.ranges.length < this.#maxRanges) tally.ranges.push(stretch);
    else if (!goesOn) tally.moreRanges += 1;
  }
}

function tallyOf(piece: Piece): Tally {
  return { piece, pages: noPages(), ranges: [], moreRanges: 0 };
}

function total(pages: PageCounts): number {
  return changes.reduce((sum, change) => sum + pages[change], 0);
}
