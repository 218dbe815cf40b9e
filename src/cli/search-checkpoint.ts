import { printGoJson } from '../bytes/go-json.ts';
import type { PatternSpec } from '../inspect/byte-pattern.ts';
import { type SearchHit, searchMemory } from '../inspect/memory-search.ts';
import { UsageError } from './command.ts';
import type { Console } from './console.ts';
import { printable, quote } from './output/escape.ts';
import { withImages } from './with-images.ts';

export interface SearchFlags {
  regex: boolean;
  hex: boolean;
  utf16: boolean;
  'ignore-case': boolean;
  secrets: boolean;
  pid: readonly string[];
  context: number;
  limit: number;
  format: 'table' | 'json';
}

/** Prints every hit as it is found. @returns 1 when there is none. */
export async function searchCheckpoint(
  path: string,
  pattern: string | undefined,
  flags: SearchFlags,
  console: Console,
): Promise<number> {
  if (pattern === undefined && !flags.secrets) throw new UsageError('give a PATTERN, or --secrets');
  const pids = flags.pid.map(pidOf);
  return withImages(path, console, async (images) => {
    let found = 0;
    const hits = searchMemory(images, {
      patterns: pattern === undefined ? [] : [specOf(pattern, flags)],
      secrets: flags.secrets,
      context: flags.context,
      latin1,
      signal: console.signal,
      ...(pids.length > 0 ? { pids } : {}),
    });
    for await (const hit of hits) {
      found++;
      console.out.write(flags.format === 'json' ? `${printGoJson(hitNode(hit))}\n` : hitLine(hit));
      if (found === flags.limit) break;
    }
    return found > 0 ? 0 : 1;
  });
}

/** Characters of bytes, one of each. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** @throws UsageError unless `text` is a process id. */
export function pidOf(text: string): number {
  const pid = Number(text);
  if (/^[0-9]+$/.test(text) && pid > 0 && pid < 2 ** 32) return pid;
  throw new UsageError(`${quote(text)} is no process id`);
}

function specOf(pattern: string, flags: SearchFlags): PatternSpec {
  const kinds = [flags.regex, flags.hex, flags.utf16].filter(Boolean).length;
  if (kinds > 1) throw new UsageError('--regex, --hex and --utf16 exclude each other');
  const ignoreCase = flags['ignore-case'];
  if (flags.regex) return { kind: 'regex', source: pattern, ignoreCase };
  if (flags.hex) return { kind: 'hex', text: pattern };
  return { kind: flags.utf16 ? 'utf16' : 'literal', text: pattern, ignoreCase };
}

function hitLine(hit: SearchHit): string {
  const place = hit.pid === undefined ? `segment ${hit.segment}` : `${hit.pid} ${printable(hit.comm ?? '')}`;
  const kind = typeof hit.pattern === 'string' ? ` ${hit.pattern}:` : '';
  const text = `${masked(hit.before)}[${masked(hit.match)}]${masked(hit.after)}`;
  const file = hit.fileOffset === undefined ? '' : `+0x${hit.fileOffset.toString(16)}`;
  const map = hit.map === '' ? '' : ` ${printable(hit.map)}${file}`;
  return `${place} ${hit.address.toString(16).padStart(16, '0')} ${hit.rights}${map}:${kind} ${text}\n`;
}

function masked(bytes: Uint8Array): string {
  return latin1(bytes).replace(/[^\x20-\x7e]/g, '.');
}

/** A hit as JSON shows it; bytes are base64. */
export function hitNode(hit: SearchHit) {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  return {
    pid: hit.pid,
    comm: hit.comm,
    segment: hit.segment,
    address: `0x${hit.address.toString(16)}`,
    map: hit.map,
    rights: hit.rights,
    file_offset: hit.fileOffset,
    secret: typeof hit.pattern === 'string' ? hit.pattern : undefined,
    text: masked(hit.match),
    match: base64(hit.match),
    before: base64(hit.before),
    after: base64(hit.after),
  };
}
