import { type ByteSource, readChunks, sliceSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import { utf8 } from '../bytes/text.ts';
import { unixBytes } from '../bytes/unix-text.ts';
import { CodedError } from '../errors/coded-error.ts';
import { hasRawBytes } from './member-name.ts';
import { encodePax, type PaxRecord, pax } from './pax.ts';
import type { SparseSegment } from './sparse.ts';
import { blockSize, type FieldName, field, headerSum, type MemberType, padded } from './tar-header.ts';
import type { TarEntry } from './tar-parser.ts';

/** Everything about a member but its content. What is left out is zero or empty. */
export interface TarMemberHeader {
  /** With a `/` at its end for a folder, as every program writes it; added where it is missing. */
  name: string;
  type?: Exclude<MemberType, 'other'>;
  /** Bytes of content; 0 for anything but a file. */
  size?: number;
  /** Permission bits; 0600 for files and 0700 for folders where it is left out. */
  mode?: number;
  /** Seconds since 1970. */
  mtime?: number;
  uid?: number;
  gid?: number;
  userName?: string;
  groupName?: string;
  linkName?: string;
  devMajor?: number;
  devMinor?: number;
  xattrs?: Readonly<Record<string, string>> | undefined;
}

export type TarContent = Uint8Array | ByteSource | AsyncIterable<Uint8Array>;

/** A member to write: a header and content of exactly `size` bytes (taken from the content where it knows). */
export interface NewMember extends TarMemberHeader {
  content?: TarContent;
  /**
   * Where a file has data, in order and apart; the rest is holes, which are not stored. The content is a source of
   * all of it, and only these segments are read.
   */
  sparse?: readonly SparseSegment[] | undefined;
}

/** A member of another archive, taken over byte by byte: headers, content and padding. */
export interface CopiedMember {
  entry: TarEntry;
  from: ByteSource;
}

export type TarMember = NewMember | CopiedMember;

const typeFlag = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
} as const;

/** What ends an archive. */
export const endMark: Uint8Array = new Uint8Array(2 * blockSize);

/**
 * An uncompressed archive of the given members, in order, in pieces. The same members give the same bytes.
 * @throws CodedError `internal` when content turns out longer or shorter than its size.
 */
export async function* writeTar(
  members: Iterable<TarMember> | AsyncIterable<TarMember>,
  options: { signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Uint8Array, void, void> {
  for await (const member of members) yield* writeMember(member, options.signal);
  yield endMark;
}

/** The bytes of one member: all of its header first, then content and padding. */
export async function* writeMember(member: TarMember, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  if ('entry' in member) {
    yield* copyMember(member, signal);
    return;
  }
  if (member.sparse && member.content && isRandom(member.content)) {
    yield* writeSparse(member, member.content, member.sparse, signal);
    return;
  }
  const size = member.size ?? knownSize(member.content);
  yield encodeHeader({ ...member, size });
  let written = 0;
  for await (const piece of contentPieces(member.content, signal)) {
    written += piece.length;
    if (written > size) break;
    if (piece.length > 0) yield piece;
  }
  if (written !== size) {
    const found = written > size ? 'more' : `only ${written}`;
    throw new CodedError(
      'internal',
      `writing ${member.name}: ${size} bytes were announced and ${found} came`,
    );
  }
  if (padded(size) > size) yield new Uint8Array(padded(size) - size);
}

/** In the form that GNU tar calls 1.0: the map stands in front of the data. */
async function* writeSparse(
  member: NewMember,
  content: ByteSource,
  segments: readonly SparseSegment[],
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  // GNU tar takes the end of the last segment for the end of the file.
  const mapped = [...segments, { offset: content.size, length: 0 }];
  const lines = [mapped.length, ...mapped.flatMap(({ offset, length }) => [offset, length])];
  const text = utf8(`${lines.join('\n')}\n`);
  const map = new Uint8Array(padded(text.length));
  map.set(text);
  const stored = segments.reduce((sum, { length }) => sum + length, map.length);
  const { name } = member;
  const records: PaxRecord[] = [
    [pax.sparseMajor, '1'],
    [pax.sparseMinor, '0'],
    [pax.sparseName, name],
    [pax.sparseRealSize, String(content.size)],
  ];
  // Programs that know nothing of it unpack map and data under this name.
  const plain = `GNUSparseFile.0/${name.split('/').at(-1) ?? ''}`;
  yield encodeHeader({ ...member, name: plain, size: stored }, records);
  yield map;
  for (const { offset, length } of segments)
    yield* readChunks(sliceSource(content, offset, length), 1 << 20, signal);
  if (padded(stored) > stored) yield new Uint8Array(padded(stored) - stored);
}

async function* copyMember({ entry, from }: CopiedMember, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const end = entry.dataOffset + entry.storedSize;
  const whole = entry.dataOffset + padded(entry.storedSize);
  yield await from.read(entry.headerOffset, entry.dataOffset - entry.headerOffset, signal);
  for (let at = entry.dataOffset; at < end; ) {
    const length = Math.min(1 << 20, end - at);
    yield await from.read(at, length, signal);
    at += length;
  }
  if (whole > end) yield new Uint8Array(whole - end);
}

function knownSize(content: TarContent | undefined): number {
  if (content === undefined) return 0;
  if (content instanceof Uint8Array) return content.length;
  if (isSource(content)) return content.size;
  throw new CodedError('internal', 'writing an archive: streamed content needs a size');
}

async function* contentPieces(content: TarContent | undefined, signal?: AbortSignal) {
  if (content === undefined) return;
  if (content instanceof Uint8Array) yield content;
  else if (isSource(content)) yield* readChunks(content, 1 << 20, signal);
  else {
    for await (const piece of content) {
      signal?.throwIfAborted();
      yield piece;
    }
  }
}

function isRandom(content: TarContent): content is ByteSource {
  return !(content instanceof Uint8Array) && isSource(content);
}

function isSource(content: ByteSource | AsyncIterable<Uint8Array>): content is ByteSource {
  return 'read' in content;
}

/** The header blocks of a member, with an extended header in front where the plain one cannot say it. */
export function encodeHeader(member: TarMemberHeader, more: readonly PaxRecord[] = []): Uint8Array {
  const type = member.type ?? 'file';
  const name = type === 'directory' && !member.name.endsWith('/') ? `${member.name}/` : member.name;
  const records: PaxRecord[] = [...more];
  const block = new Uint8Array(blockSize);
  const note = (key: string, value: string | number) => records.push([key, String(value)]);
  putName(block, name, note);
  if (!putText(block, 'linkName', member.linkName ?? '')) note(pax.linkPath, member.linkName ?? '');
  if (!putText(block, 'userName', member.userName ?? '')) note(pax.userName, member.userName ?? '');
  if (!putText(block, 'groupName', member.groupName ?? '')) note(pax.groupName, member.groupName ?? '');
  const mode = member.mode ?? (type === 'directory' ? 0o700 : 0o600);
  putOctal(block, 'mode', mode & 0o7777);
  if (!putOctal(block, 'uid', member.uid ?? 0)) note(pax.uid, member.uid ?? 0);
  if (!putOctal(block, 'gid', member.gid ?? 0)) note(pax.gid, member.gid ?? 0);
  if (!putOctal(block, 'size', member.size ?? 0)) note(pax.size, member.size ?? 0);
  if (!putOctal(block, 'mtime', member.mtime ?? 0)) note(pax.mtime, member.mtime ?? 0);
  putOctal(block, 'devMajor', member.devMajor ?? 0);
  putOctal(block, 'devMinor', member.devMinor ?? 0);
  for (const [key, value] of Object.entries(member.xattrs ?? {})) note(pax.xattrPrefix + key, value);
  seal(block, typeFlag[type]);
  return records.length === 0 ? block : concat([encodeExtended(name, records), block]);
}

function encodeExtended(name: string, records: readonly PaxRecord[]): Uint8Array {
  // Values that are not UTF-8 have to be announced.
  const raw = records.some(([, value]) => hasRawBytes(value));
  const body = encodePax(raw ? [[pax.charset, 'BINARY'], ...records] : records);
  const block = new Uint8Array(blockSize);
  const last = name.replace(/\/+$/, '').split('/').at(-1) ?? '';
  const ascii = last.replace(/[^\x20-\x7e]/g, '_').slice(0, 80);
  putText(block, 'name', `PaxHeaders.0/${ascii}`);
  for (const key of ['uid', 'gid', 'mtime', 'devMajor', 'devMinor'] as const) putOctal(block, key, 0);
  putOctal(block, 'mode', 0o644);
  putOctal(block, 'size', body.length);
  seal(block, 'x');
  return concat([block, body, new Uint8Array(padded(body.length) - body.length)]);
}

/** The name field, the prefix field where it is too long for one, an extended header where also for both. */
function putName(block: Uint8Array, name: string, note: (key: string, value: string) => void): void {
  if (putText(block, 'name', name)) return;
  const bytes = unixBytes(name);
  if (isAscii(bytes) && !name.includes('\0')) {
    // The name must not become empty, nor may the prefix.
    for (let slash = name.indexOf('/', 1); slash > 0; slash = name.indexOf('/', slash + 1)) {
      const rest = name.length - slash - 1;
      if (slash > field.prefix[1] || rest === 0) break;
      if (rest > field.name[1]) continue;
      putText(block, 'prefix', name.slice(0, slash));
      putText(block, 'name', name.slice(slash + 1));
      return;
    }
  }
  block.set(bytes.subarray(0, field.name[1]), field.name[0]);
  note(pax.path, name);
}

/** Whether the text fits the field and every reader takes it for what it is. */
function putText(block: Uint8Array, name: FieldName, text: string): boolean {
  const [offset, length] = field[name];
  const bytes = unixBytes(text);
  // User and group names need their final NUL; the other fields may be full.
  const room = name === 'userName' || name === 'groupName' ? length - 1 : length;
  if (bytes.length > room || !isAscii(bytes) || bytes.includes(0)) return false;
  block.set(bytes, offset);
  return true;
}

function isAscii(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte < 0x80);
}

/** Whether the number fits: octal digits and a NUL. Where it does not, the field is left at zero. */
function putOctal(block: Uint8Array, name: FieldName, value: number): boolean {
  const [offset, length] = field[name];
  const fits = Number.isSafeInteger(value) && value >= 0 && value < 8 ** (length - 1);
  const digits = (fits ? value : 0).toString(8).padStart(length - 1, '0');
  for (let i = 0; i < digits.length; i++) block[offset + i] = digits.charCodeAt(i);
  return fits;
}

function seal(block: Uint8Array, flag: string): void {
  block[field.type[0]] = flag.charCodeAt(0);
  const magic = 'ustar\x0000';
  for (let i = 0; i < magic.length; i++) block[field.magic[0] + i] = magic.charCodeAt(i);
  const [offset] = field.checksum;
  const digits = headerSum(block).toString(8).padStart(6, '0');
  for (let i = 0; i < digits.length; i++) block[offset + i] = digits.charCodeAt(i);
  block[offset + 6] = 0;
  block[offset + 7] = 0x20;
}
