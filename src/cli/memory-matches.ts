import type { Memory } from '../criu/pages.ts';
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
  const expression = compile(pattern, options.regex);
  for await (const { address, text, last, fresh } of windows(memory, options.signal)) {
    expression.lastIndex = 0;
    for (let found = expression.exec(text); found; found = expression.exec(text)) {
      const { index, 0: match } = found;
      if (match === '') expression.lastIndex++;
      // What begins in the part that comes again is left to the next window, where all of it is seen.
      if (index < fresh.from || (!last && index >= fresh.to)) continue;
      const from = Math.max(0, index - options.context);
      const to = index + match.length + options.context;
      yield { address: address + BigInt(index), text: text.slice(from, to) };
    }
  }
}

function compile(pattern: string, regex: boolean): RegExp {
  if (!regex) return new RegExp(pattern.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), 'g');
  try {
    return new RegExp(pattern, 'g');
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^Invalid regular expression: /, '') : '';
    const text = `error parsing regexp: ${printable(why)}`;
    throw new CommandError(`failed to search pattern in memory: ${text}`, { cause: error });
  }
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

function masked(bytes: Uint8Array): string {
  return Buffer.from(bytes.map((byte) => (byte < 32 || byte >= 127 ? 0x3f : byte))).toString('latin1');
}
