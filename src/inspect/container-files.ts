import { type Codec, sniffPacking } from '../archive/compression.ts';
import { type ArchiveLimits, defaultLimits } from '../archive/limits.ts';
import { streamTar } from '../archive/tar-stream.ts';
import { readChunks } from '../bytes/byte-source.ts';
import { strictTextOf, textOf } from '../bytes/text.ts';
import { type Checkpoint, readIfPresent } from '../checkpoint/checkpoint.ts';
import { containerLogNames, memberNames } from '../checkpoint/layout.ts';
import { CodedError } from '../errors/coded-error.ts';
import { explainLog, type LogExplanation } from './dump-log.ts';

/** One entry of the archive of changes to the root file system. */
export interface ChangedFile {
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly linkName?: string;
  /** The entry says that the file of the image is gone (`.wh.name`), or all that was in the folder. */
  readonly removes?: boolean;
}

/**
 * What the container had changed in its root file system; none where the checkpoint has no such archive.
 * @param codec unpacks it where containerd wrote it compressed.
 * @throws CodedError `corrupt`, `resource-exhausted`; `unsupported` without a codec for what is packed.
 */
export async function rootfsChanges(
  checkpoint: Checkpoint,
  codec?: Codec,
  limits: ArchiveLimits = defaultLimits,
): Promise<ChangedFile[]> {
  const name = memberNames.rootfsDiff;
  return (await checkpoint.find(name)) ? listArchive(checkpoint, name, codec, limits) : [];
}

/** What a member lists that is an archive itself, packed or not. @throws CodedError as {@link rootfsChanges} does */
export async function listArchive(
  checkpoint: Checkpoint,
  name: string,
  codec?: Codec,
  limits: ArchiveLimits = defaultLimits,
): Promise<ChangedFile[]> {
  const source = await checkpoint.open(name);
  try {
    const packing = sniffPacking(await source.read(0, Math.min(6, source.size)));
    if (packing !== 'none' && (!codec || (packing !== 'gzip' && packing !== 'zstd'))) {
      throw new CodedError('unsupported', `${name} is packed with ${packing}`);
    }
    const stored = readChunks(source);
    const pieces =
      packing === 'gzip' || packing === 'zstd' ? (codec?.decompress(packing, stored) ?? stored) : stored;
    const changes: ChangedFile[] = [];
    for await (const { entry } of streamTar(pieces, { limits })) changes.push(changeOf(entry));
    return changes;
  } finally {
    await source.close();
  }
}

function changeOf(entry: {
  name: string;
  type: string;
  size: number;
  mode: number;
  uid: number;
  gid: number;
  mtime: number;
  linkName: string;
}): ChangedFile {
  const { type, size, mode, uid, gid, mtime, linkName } = entry;
  const path = entry.name.replace(/^(\.\/)+/, '') || '.';
  const removes = /(^|\/)\.wh\./.test(path);
  return {
    path,
    type,
    size,
    mode,
    uid,
    gid,
    mtime,
    ...(linkName && { linkName }),
    ...(removes && { removes }),
  };
}

/** The most that a list in JSON may be. */
const listLimit = 16 << 20;

/** Files of the image that the container had deleted, as Podman and CRI-O list them. @throws CodedError */
export async function deletedFiles(checkpoint: Checkpoint): Promise<string[]> {
  const list = await readList(checkpoint, memberNames.deletedFiles);
  return list.filter((one) => typeof one === 'string');
}

export interface BindMount {
  readonly source: string;
  readonly destination: string;
  readonly isFile: boolean;
  readonly permissions: number;
}

/** What must exist on the node before a restore, as CRI-O lists it. @throws CodedError `corrupt` */
export async function bindMounts(checkpoint: Checkpoint): Promise<BindMount[]> {
  return (await readList(checkpoint, memberNames.bindMounts)).map((one) => {
    const mount = (typeof one === 'object' && one !== null ? one : {}) as Record<string, unknown>;
    return {
      source: String(mount['source'] ?? ''),
      destination: String(mount['destination'] ?? ''),
      isFile: mount['file_type'] === 'file',
      permissions: typeof mount['permissions'] === 'number' ? mount['permissions'] : 0,
    };
  });
}

async function readList(checkpoint: Checkpoint, name: string): Promise<unknown[]> {
  const bytes = await readIfPresent(checkpoint, name, { limit: listLimit });
  const text = bytes && strictTextOf(bytes);
  if (!bytes) return [];
  try {
    const value: unknown = JSON.parse(text ?? '');
    if (value === null) return [];
    if (Array.isArray(value)) return value;
  } catch {
    // Said below, as for any other thing that is not a list.
  }
  throw new CodedError('corrupt', `${name} is not a list in JSON`, { data: { file: name } });
}

export interface LogText {
  readonly name: string;
  readonly size: number;
  /** The last lines of it. */
  readonly lines: readonly string[];
}

const tailLength = 64 << 10;

/** The end of the container's own log, under whichever name the engine gave it. */
export async function containerLog(checkpoint: Checkpoint, lines = 20): Promise<LogText | undefined> {
  for (const name of containerLogNames) {
    const log = await logTail(checkpoint, name, lines);
    if (log) return log;
  }
  return undefined;
}

async function logTail(checkpoint: Checkpoint, name: string, count: number): Promise<LogText | undefined> {
  if (!(await checkpoint.find(name))) return undefined;
  const source = await checkpoint.open(name);
  try {
    const length = Math.min(source.size, tailLength);
    const lines = textOf(await source.read(source.size - length, length)).split('\n');
    if (lines.at(-1) === '') lines.pop();
    // The first line of a cut is rarely whole.
    if (length < source.size) lines.shift();
    return { name, size: source.size, lines: lines.slice(-count) };
  } finally {
    await source.close();
  }
}

export interface CriuLog {
  readonly name: string;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  /** Why it failed, where it did. */
  readonly explanation?: LogExplanation;
}

const criuLogLimit = 64 << 20;

/** Errors and warnings in CRIU's logs, and what they mean. @throws CodedError `resource-exhausted` */
export async function criuLogs(checkpoint: Checkpoint): Promise<CriuLog[]> {
  const logs: CriuLog[] = [];
  for (const name of [memberNames.dumpLog, memberNames.restoreLog]) {
    const bytes = await readIfPresent(checkpoint, name, { limit: criuLogLimit });
    if (!bytes) continue;
    const text = textOf(bytes);
    const errors = text.match(/^.*Error \(.*$/gm) ?? [];
    const warnings = text.match(/^.*Warn\s+\(.*$/gm) ?? [];
    const failed = /(Dumping|Restoring) FAILED/.test(text);
    const explanation = failed ? explainLog(text) : undefined;
    logs.push({ name, errors, warnings, ...(explanation && { explanation }) });
  }
  return logs;
}
