import type { Memory, MemoryRun } from '../criu/pages.ts';
import { CodedError } from '../errors/coded-error.ts';

/**
 * How pages differ: `added` and `removed` are in one of two checkpoints only; `unknown` were left on a page server
 * or in a dump that is not here, on one side at least.
 */
export type PageChange = 'same' | 'changed' | 'added' | 'removed' | 'unknown';

/** Neighbouring pages that differ alike. */
export interface PageStretch {
  readonly start: bigint;
  readonly end: bigint;
  readonly change: PageChange;
}

/** Bytes that are read of each side at a time. */
const pieceSize = 1 << 20;

/**
 * Every page that either memory names, by rising address; contents are compared piece by piece.
 * @throws CodedError `corrupt` where pages are named that are not in the pages file.
 */
export async function* comparePages(
  before: Memory | undefined,
  after: Memory | undefined,
  signal?: AbortSignal,
): AsyncGenerator<PageStretch> {
  const step = Math.min(before?.pageSize ?? 1 << 16, after?.pageSize ?? 1 << 16);
  const [olds, nows] = [before?.runs() ?? noRuns(), after?.runs() ?? noRuns()];
  let [old, now] = [nextRun(olds), nextRun(nows)];
  let at = 0n;
  while (old || now) {
    const start = larger(at, smaller(old?.start, now?.start));
    const [was, is] = [
      old && old.start <= start ? old : undefined,
      now && now.start <= start ? now : undefined,
    ];
    const end = smaller(was ? was.end : old?.start, is ? is.end : now?.start);
    if (was?.pages && is?.pages) yield* compareRuns(was, is, { start, end, step }, signal);
    else yield { start, end, change: changeOf(was, is) };
    at = end;
    if (old && old.end <= at) old = nextRun(olds);
    if (now && now.end <= at) now = nextRun(nows);
  }
}

function* noRuns(): Generator<MemoryRun> {}

function nextRun(runs: Generator<MemoryRun>): MemoryRun | undefined {
  const { value } = runs.next();
  if (!value?.pages) return value ?? undefined;
  const end = value.offset + Number(value.end - value.start);
  if (end <= value.pages.size) return value;
  const place = `0x${value.start.toString(16)}`;
  throw new CodedError('corrupt', `the pages at ${place} go on to byte ${end} of ${value.pages.size}`);
}

function changeOf(was: MemoryRun | undefined, is: MemoryRun | undefined): PageChange {
  if ((was && !was.pages) || (is && !is.pages)) return 'unknown';
  return was ? 'removed' : 'added';
}

async function* compareRuns(
  was: MemoryRun,
  is: MemoryRun,
  { start, end, step }: { start: bigint; end: bigint; step: number },
  signal?: AbortSignal,
): AsyncGenerator<PageStretch> {
  for (let at = start; at < end; at += BigInt(pieceSize)) {
    const length = Number(smaller(end - at, BigInt(pieceSize)));
    const [a, b] = await Promise.all([bytesAt(was, at, length, signal), bytesAt(is, at, length, signal)]);
    yield* comparePieces(wordsOf(a), wordsOf(b), at, step);
  }
}

async function bytesAt(
  run: MemoryRun,
  at: bigint,
  length: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  return (
    (await run.pages?.read(run.offset + Number(at - run.start), length, signal)) ?? new Uint8Array(length)
  );
}

function* comparePieces(a: Int32Array, b: Int32Array, start: bigint, step: number): Generator<PageStretch> {
  const words = step / 4;
  let from = 0;
  let change: PageChange | undefined;
  for (let at = 0; at < a.length; at += words) {
    const next = samePage(a, b, at, at + words) ? 'same' : 'changed';
    if (change !== undefined && next !== change) {
      yield { start: start + BigInt(from * 4), end: start + BigInt(at * 4), change };
      from = at;
    }
    change = next;
  }
  if (change) yield { start: start + BigInt(from * 4), end: start + BigInt(a.length * 4), change };
}

function samePage(a: Int32Array, b: Int32Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Pages are whole numbers of words, wherever they lie in a buffer. */
function wordsOf(bytes: Uint8Array): Int32Array {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Int32Array(buffer, byteOffset, byteLength / 4);
}

function smaller(a: bigint | undefined, b: bigint | undefined): bigint {
  if (a === undefined) return b ?? 0n;
  return b === undefined || a < b ? a : b;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
