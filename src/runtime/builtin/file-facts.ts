import type { SparseSegment } from '../../archive/sparse.ts';
import { unixBytes, unixText } from '../../bytes/unix-text.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { listFacts, setXattrs } from './perl-programs.ts';
import { runProgram } from './run-program.ts';

/** What Node's own calls do not tell of a file. */
export interface FileFacts {
  /** Where it has data, in order; undefined where it has no holes. */
  data: readonly SparseSegment[] | undefined;
  /** Name → value, as archives have them. */
  xattrs: Readonly<Record<string, string>>;
}

/** llistxattr, lgetxattr, lsetxattr: what perl calls them by. */
const systemCalls: Partial<Record<string, readonly [list: number, get: number, set: number]>> = {
  x64: [195, 192, 189],
  arm64: [12, 9, 6],
};

/**
 * Those that belong to a file wherever it is: what programs note, access lists, capabilities. Labels and the notes of
 * file systems are the machine's own.
 */
const kept = /^(user\..+|security\.capability|system\.posix_acl_(access|default))$/s;

/** More are not written down: the file is stored whole then. */
const mostSegments = 20_000;
const mostOutput = 256 << 20;

/**
 * Looks through folders for extended attributes and holes.
 * @returns for each folder, by path below it (the folder itself is the empty path), what has any
 * @throws CodedError `failed-precondition` without perl, `resource-exhausted`
 */
export async function fileFacts(roots: readonly string[]): Promise<ReadonlyMap<string, FileFacts>[]> {
  const found = roots.map(() => new Map<string, FileFacts>());
  const [list, get] = systemCalls[process.arch] ?? [0, 0];
  const args = ['-e', listFacts, '--', String(list), String(get), String(mostSegments), ...roots];
  const run = await runProgram('perl', args, { maxOutput: mostOutput, timeoutMs: 600_000 });
  if (run.truncated) {
    throw new CodedError('resource-exhausted', `${roots.join(', ')}: too many extended attributes and holes`);
  }
  if (run.status !== 0) {
    throw new CodedError('internal', `looking for extended attributes and holes: ${run.stderr.trim()}`);
  }
  const fields = splitFields(Buffer.from(run.stdoutBytes));
  for (let at = 0; at + 4 <= fields.length; at += 4) {
    const [root, path, holes = '', xattrs = ''] = fields.slice(at, at + 4).map(unixText);
    found[Number(root)]?.set(path ?? '', { data: segmentsIn(holes), xattrs: xattrsIn(xattrs) });
  }
  return found;
}

/** Gives files extended attributes. @returns what could not be given, one sentence each */
export async function giveXattrs(
  folder: string,
  wanted: ReadonlyMap<string, Readonly<Record<string, string>>>,
): Promise<string[]> {
  const notes: string[] = [];
  const pieces: Buffer[] = [];
  for (const [path, xattrs] of wanted) {
    for (const [name, value] of Object.entries(xattrs)) {
      if (kept.test(name)) {
        const fields = [
          unixBytes(path),
          unixBytes(name),
          Buffer.from(Buffer.from(unixBytes(value)).toString('hex')),
        ];
        for (const field of fields) pieces.push(Buffer.from(field), Buffer.of(0));
      } else notes.push(`${path}: its extended attribute ${JSON.stringify(name)} is not kept`);
    }
  }
  if (pieces.length === 0) return notes;
  const [, , set = 0] = systemCalls[process.arch] ?? [];
  const args = ['-e', setXattrs, '--', String(set)];
  const run = await runProgram('perl', args, {
    cwd: folder,
    stdin: Buffer.concat(pieces),
    timeoutMs: 600_000,
  });
  return [...notes, ...run.stderr.split('\n').filter((line) => line !== '')];
}

function splitFields(bytes: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  for (let at = 0, end = bytes.indexOf(0); end >= 0; at = end + 1, end = bytes.indexOf(0, at)) {
    fields.push(bytes.subarray(at, end));
  }
  return fields;
}

/** `+0,4096,8192,10`: pairs of offset and length; nothing where there are no holes. */
function segmentsIn(text: string): SparseSegment[] | undefined {
  if (!text.startsWith('+')) return undefined;
  const numbers = text.slice(1).split(',').filter(Boolean).map(Number);
  const segments: SparseSegment[] = [];
  for (let at = 0; at + 1 < numbers.length; at += 2) {
    segments.push({ offset: numbers[at] ?? 0, length: numbers[at + 1] ?? 0 });
  }
  return segments;
}

/** `NAME=VALUE`, both in hexadecimal digits, with blanks between. */
function xattrsIn(text: string): Record<string, string> {
  const pairs = text.split(' ').filter(Boolean);
  const named = pairs.map((pair) => pair.split('=').map((hex) => unixText(Buffer.from(hex, 'hex'))));
  // An equals sign ends a name in an archive.
  return Object.fromEntries(named.filter(([name = '']) => kept.test(name) && !name.includes('=')));
}
