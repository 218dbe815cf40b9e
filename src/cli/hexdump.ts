import type { Memory } from '../criu/pages.ts';

/** Bytes that are read and printed at once. */
const chunkSize = 1 << 18;
const rowSize = 16;

const hexPairs = Array.from({ length: 256 }, (_, byte) => `${byte.toString(16).padStart(2, '0')} `);
const characters = Array.from({ length: 256 }, (_, byte) =>
  byte >= 32 && byte <= 126 ? String.fromCharCode(byte) : '.',
);

export interface HexdumpOptions {
  /** Print one `*` for rows that are the same as the row before them. */
  collapse: boolean;
  from?: bigint;
  to?: bigint;
  signal?: AbortSignal | undefined;
}

/** The memory that is in the images as rows of sixteen bytes, in pieces of many lines. */
export async function* hexdump(memory: Memory, options: HexdumpOptions): AsyncGenerator<string> {
  const { collapse, from, to, signal } = options;
  let above: Uint8Array | undefined;
  let starred = false;
  for (const run of memory.runs(from, to)) {
    if (!run.pages) continue;
    const length = Number(run.end - run.start);
    for (let at = 0; at < length; at += chunkSize) {
      const bytes = await run.pages.read(run.offset + at, Math.min(chunkSize, length - at), signal);
      const lines: string[] = [];
      for (let row = 0; row < bytes.length; row += rowSize) {
        const cells = bytes.subarray(row, row + rowSize);
        if (collapse && above && sameBytes(above, cells)) {
          if (!starred) lines.push('*\n');
          starred = true;
          continue;
        }
        starred = false;
        above = cells;
        lines.push(rowText(run.start + BigInt(at + row), cells));
      }
      // What is kept for comparison must not be a view of a buffer that is used again.
      above = above?.slice();
      yield lines.join('');
    }
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

function rowText(address: bigint, bytes: Uint8Array): string {
  let hex = '';
  let text = '';
  for (const byte of bytes) {
    hex += hexPairs[byte];
    text += characters[byte];
  }
  return `${address.toString(16).padStart(16, '0')}  ${hex.padEnd(3 * rowSize)} |${text}|\n`;
}
