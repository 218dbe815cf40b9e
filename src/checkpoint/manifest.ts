import { plainName } from '../archive/member-name.ts';
import type { NewMember, TarContent } from '../archive/tar-writer.ts';
import { type ByteSource, readChunks } from '../bytes/byte-source.ts';
import { strictTextOf, utf8 } from '../bytes/text.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { memberNames } from './layout.ts';

/**
 * `stasis.json`, the last member of the archives that we write: CRIU checks nothing when it restores, so
 * sizes and digests are recorded at capture and compared before memory is put back. Other programs ignore it.
 */
export interface Manifest {
  version: 1;
  /** Every other regular member, in the order of the archive. */
  members: readonly ManifestMember[];
  /** How the checkpoint was made. */
  capture: CaptureFacts;
}

export interface ManifestMember {
  name: string;
  size: number;
  /** 64 hexadecimal digits. */
  sha256: string;
}

/** All that is known about the making of a checkpoint; keys that this version does not know are kept. */
export interface CaptureFacts {
  /** This program. */
  stasis?: string;
  criu?: string;
  /** `crun` or `runc`, and its version. */
  runtime?: string;
  runtimeVersion?: string;
  kernel?: string;
  /** As Go names it: `amd64`, `arm64`. */
  architecture?: string;
  /** RFC 3339, when the container was frozen. */
  frozenAt?: string;
  /** Microseconds for which nothing in the container ran. */
  frozenMicroseconds?: number;
  leaveRunning?: boolean;
  [key: string]: unknown;
}

/** Made for one run of bytes; `digest` ends it and gives hexadecimal digits. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  digest(): string;
}

/** Gives a new SHA-256. Injected, because the formats run where there is no Node. */
export type NewHasher = () => Hasher;

/** More than an archive can hold would be refused anyway; this bounds what is parsed. */
export const manifestLimit = 64 << 20;

export function encodeManifest(manifest: Manifest): Uint8Array {
  return utf8(`${JSON.stringify(manifest, undefined, 2)}\n`);
}

/**
 * @throws CodedError `corrupt` when the bytes are no manifest, `unsupported` when they are one of a later
 *   version.
 */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const value = parse(bytes);
  if (typeof value !== 'object' || value === null) throw malformed('it is not a JSON object');
  const { version, members, capture } = value as Record<string, unknown>;
  if (version !== 1) {
    if (typeof version !== 'number') throw malformed('it has no version');
    throw new CodedError('unsupported', `${memberNames.manifest} has version ${version}, only 1 is known`);
  }
  if (!Array.isArray(members)) throw malformed('it lists no members');
  const names = new Set<string>();
  for (const member of members) checkMember(member, names);
  const facts = typeof capture === 'object' && capture !== null ? (capture as CaptureFacts) : {};
  return { version, members: members as ManifestMember[], capture: facts };
}

function parse(bytes: Uint8Array): unknown {
  const text = strictTextOf(bytes);
  if (text === undefined) throw malformed('it is not UTF-8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(messageOf(error), error);
  }
}

function checkMember(member: unknown, names: Set<string>): void {
  const { name, size, sha256 } = (member ?? {}) as Record<string, unknown>;
  const sizeOk = typeof size === 'number' && Number.isSafeInteger(size) && size >= 0;
  const digestOk = typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256);
  if (typeof name !== 'string' || !sizeOk || !digestOk)
    throw malformed('an entry lacks name, size or digest');
  if (names.has(name)) throw malformed(`it lists ${JSON.stringify(name)} twice`);
  names.add(name);
}

function malformed(found: string, cause?: unknown): CodedError {
  return new CodedError('corrupt', `${memberNames.manifest} cannot be used: ${found}`, { cause });
}

/**
 * The given members, and after them the manifest of those that are regular files. Digests are taken while
 * the content passes, so each member must be written out before the next is taken, as `writeTar` does.
 */
export async function* withManifest(
  members: Iterable<NewMember> | AsyncIterable<NewMember>,
  capture: CaptureFacts,
  newHasher: NewHasher,
): AsyncGenerator<NewMember> {
  const recorded: ManifestMember[] = [];
  let mtime = 0;
  for await (const member of members) {
    mtime = Math.max(mtime, member.mtime ?? 0);
    if ((member.type ?? 'file') !== 'file') {
      yield member;
      continue;
    }
    const record: ManifestMember = { name: plainName(member.name), size: 0, sha256: '' };
    yield {
      ...member,
      ...sized(member),
      content: hashed(member.content ?? new Uint8Array(0), record, newHasher),
    };
    recorded.push(record);
  }
  const unread = recorded.find(({ sha256 }) => sha256 === '');
  if (unread) throw new CodedError('internal', `${unread.name} was not written before its manifest`);
  const content = encodeManifest({ version: 1, members: recorded, capture });
  yield { name: memberNames.manifest, content, mtime };
}

function sized({ size, content }: NewMember): { size: number } | Record<string, never> {
  if (size !== undefined) return { size };
  if (content === undefined) return { size: 0 };
  if (content instanceof Uint8Array) return { size: content.length };
  return 'size' in content ? { size: (content as ByteSource).size } : {};
}

async function* hashed(
  content: TarContent,
  record: ManifestMember,
  newHasher: NewHasher,
): AsyncGenerator<Uint8Array> {
  const hasher = newHasher();
  for await (const piece of piecesOf(content)) {
    hasher.update(piece);
    record.size += piece.length;
    yield piece;
  }
  record.sha256 = hasher.digest();
}

function piecesOf(content: TarContent): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (content instanceof Uint8Array) return [content];
  return 'read' in content ? readChunks(content) : content;
}

/** One way in which an archive differs from its manifest. */
export interface ManifestProblem {
  name: string;
  problem: 'missing' | 'unrecorded' | 'size' | 'digest';
  /** For a message: what was found and what was recorded. */
  detail: string;
}

/** Compares what was recorded with what is there; nothing found means that both are the same. */
export function compareManifest(
  manifest: Manifest,
  found: ReadonlyMap<string, { size: number; sha256: string }>,
): ManifestProblem[] {
  const problems: ManifestProblem[] = [];
  const recorded = new Set<string>();
  for (const { name, size, sha256 } of manifest.members) {
    recorded.add(name);
    const is = found.get(name);
    if (!is) problems.push({ name, problem: 'missing', detail: 'it was captured and is not there' });
    else if (is.size !== size) {
      problems.push({ name, problem: 'size', detail: `it has ${is.size} bytes, ${size} were captured` });
    } else if (is.sha256 !== sha256) {
      const detail = `its SHA-256 is ${is.sha256}, that of what was captured ${sha256}`;
      problems.push({ name, problem: 'digest', detail });
    }
  }
  for (const name of found.keys()) {
    if (recorded.has(name) || name === memberNames.manifest) continue;
    problems.push({ name, problem: 'unrecorded', detail: 'it was not part of what was captured' });
  }
  return problems;
}
