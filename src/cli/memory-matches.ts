import type { Memory } from '../criu/pages.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { LinearExpression } from '../inspect/linear-expression.ts';
import { CommandError } from './command.ts';
import { printable } from './output/escape.ts';

/** Bytes that are searched at once, and how much of them is searched again together with what follows. */
const chunkSize = 4 << 20;
const overlap = 64 << 10;

export interface Match {
  address: bigint;
  /** What was found and what stands around it; unprintable bytes as `?`. */
  text: string;
}

export interface MatchOptions {
  regex: boolean;
  /** Bytes to show on each side. */
  context: number;
  signal?: AbortSignal | undefined;
}

/**
 * Matches in the memory of a process, by rising address. As checkpointctl has it, bytes that are not printable
 * ASCII count as `?`; unlike there, a match may lie across pages, entries of the pagemap and chunks.
 * @throws CommandError for an expression that cannot be read.
 */
export async function* searchMemory(
  memory: Memory,
  pattern: string,
  options: MatchOptions,
): AsyncGenerator<Match> {
  const find = options.regex ? finderOf(pattern) : literalFinder(pattern);
  for await (const { address, text, last, fresh } of windows(memory, options.signal)) {
    for (let found = find(text, 0); found; found = find(text, found.at + found.length)) {
      const { at, length } = found;
      // What begins in the part that comes again is left to the next window, where all of it is seen.
      if (at < fresh.from || (!last && at >= fresh.to)) continue;
      const from = Math.max(0, at - options.context);
      yield { address: address + BigInt(at), text: text.slice(from, at + length + options.context) };
    }
  }
}

type Find = (text: string, from: number) => { at: number; length: number } | undefined;

function literalFinder(pattern: string): Find {
  return (text, from) => {
    const at = text.indexOf(pattern, from);
    return at < 0 ? undefined : { at, length: pattern.length };
  };
}

/** Matches of an expression are looked for over at most this many bytes. */
const longestMatch = 8192;

function finderOf(pattern: string): Find {
  let expression: LinearExpression;
  try {
    expression = new LinearExpression(pattern, { ignoreCase: false, longest: longestMatch });
  } catch (error) {
    const text = printable(messageOf(error));
    const hint = error instanceof CodedError && error.hint ? { hint: error.hint } : {};
    throw new CommandError(`failed to search pattern in memory: ${text}`, { cause: error, ...hint });
  }
  let searched = '';
  let bytes: Uint8Array = new Uint8Array(0);
  return (text, from) => {
    if (text !== searched) bytes = Buffer.from(text, 'latin1');
    searched = text;
    return expression.find(bytes, from);
  };
}

interface Window {
  address: bigint;
  text: string;
  /** Whether nothing follows without a gap. */
  last: boolean;
  /** Where matches that begin here are reported by this window. */
  fresh: { from: number; to: number };
}

/** The memory in overlapping stretches; what lies side by side is joined, whatever pagemap entry it is in. */
async function* windows(memory: Memory, signal?: AbortSignal): AsyncGenerator<Window> {
  let held = '';
  let start = 0n;
  let from = 0;
  for (const run of memory.runs()) {
    if (held !== '' && start + BigInt(held.length) !== run.start) {
      yield { address: start, text: held, last: true, fresh: { from, to: held.length } };
      held = '';
      from = 0;
    }
    if (!run.pages) continue;
    if (held === '') start = run.start;
    const length = Number(run.end - run.start);
    for (let at = 0; at < length; at += chunkSize) {
      held += masked(await run.pages.read(run.offset + at, Math.min(chunkSize, length - at), signal));
      if (held.length < chunkSize) continue;
      const to = held.length - overlap;
      yield { address: start, text: held, last: false, fresh: { from, to } };
      // The same amount again before it, so that context and look-behind see what stood there.
      const cut = Math.max(0, to - overlap);
      from = to - cut;
      start += BigInt(cut);
      held = held.slice(cut);
    }
  }
  if (held !== '') yield { address: start, text: held, last: true, fresh: { from, to: held.length } };
}

/** What stands for each byte. */
const shown = Uint8Array.from({ length: 256 }, (_, byte) => (byte < 32 || byte >= 127 ? 0x3f : byte));

function masked(bytes: Uint8Array): string {
  const out = Buffer.allocUnsafe(bytes.length);
  for (let at = 0; at < bytes.length; at++) out[at] = shown[bytes[at] as number] as number;
  return out.toString('latin1');
}
