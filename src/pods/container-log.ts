import { open } from 'node:fs/promises';
import { CodedError } from '../errors/coded-error.ts';
import { pause } from './pause.ts';

export interface LogOptions {
  /** Only so many of the last lines. */
  tail?: number;
  /** Goes on with what is added, until `ended` says that nothing is any more. */
  follow: boolean;
  ended(): Promise<boolean>;
}

export interface LogPiece {
  stream: 'stdout' | 'stderr';
  content: Uint8Array;
}

/** Bytes that are read at once. */
const chunk = 64 << 10;
/** Bytes of one line of the file; runtimes cut at 16 KiB. */
const longestLine = 1 << 20;
/** Milliseconds between two looks at a file that is followed. */
const lookInterval = 200;

/**
 * What a container has written, out of its log in the CRI's format: `TIME STREAM TAG CONTENT`, with tag P for a piece of
 * a line and F for its end.
 * @throws CodedError `not-found` where there is no such log
 */
export async function* readContainerLog(
  path: string,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<LogPiece> {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw new CodedError('not-found', `there is no log ${path}`, { cause });
  });
  try {
    const { size } = await handle.stat();
    let at = options.tail === undefined ? 0 : await startOfTail(handle, size, options.tail);
    const buffer = Buffer.alloc(chunk);
    let rest: Buffer = Buffer.alloc(0);
    for (let last = false; !signal.aborted; ) {
      const { bytesRead } = await handle.read(buffer, 0, chunk, at);
      at += bytesRead;
      rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        const piece = pieceIn(rest.subarray(0, end));
        if (piece) yield piece;
        rest = rest.subarray(end + 1);
      }
      if (rest.length > longestLine)
        throw new CodedError('corrupt', `${path} has a line longer than ${longestLine} bytes`);
      if (bytesRead > 0) continue;
      if (!options.follow || last) return;
      // One more look after its end: what it wrote last may have come meanwhile.
      last = await options.ended();
      if (!last) await pause(lookInterval, signal);
    }
  } finally {
    await handle.close();
  }
}

function pieceIn(line: Buffer): LogPiece | undefined {
  const first = line.indexOf(32);
  const second = line.indexOf(32, first + 1);
  const third = line.indexOf(32, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const stream = line.toString('latin1', first + 1, second);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const whole = line.toString('latin1', second + 1, third).split(':')[0] === 'F';
  const content = line.subarray(third + 1);
  return { stream, content: whole ? Buffer.concat([content, Buffer.from('\n')]) : Buffer.from(content) };
}

/** Where the last `count` lines begin, of those the container wrote: pieces of one count once. */
async function startOfTail(
  handle: Awaited<ReturnType<typeof open>>,
  size: number,
  count: number,
): Promise<number> {
  if (count === 0) return size;
  const buffer = Buffer.alloc(chunk);
  let after = Buffer.alloc(0);
  let lines = 0;
  let start = size;
  for (let end = size; end > 0; ) {
    const from = Math.max(0, end - chunk);
    const { bytesRead } = await handle.read(buffer, 0, end - from, from);
    const bytes = Buffer.concat([buffer.subarray(0, bytesRead), after]);
    let stop = bytes.length;
    for (
      let newline = stop > 0 ? bytes.lastIndexOf(10, stop - 2) : -1;
      ;
      newline = bytes.lastIndexOf(10, stop - 2)
    ) {
      if (newline < 0 && from > 0) break;
      const begin = newline + 1;
      const piece = bytes.subarray(begin, stop);
      if (/^\S+ \S+ F[: ]/.test(piece.toString('latin1', 0, 80)) && ++lines > count) return start;
      start = from + begin;
      stop = begin;
      if (stop < 2) break;
    }
    after = Buffer.from(bytes.subarray(0, stop));
    if (after.length > longestLine) return start;
    end = from;
  }
  return 0;
}
