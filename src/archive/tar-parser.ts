import { unixText } from '../bytes/unix-text.ts';
import { type ArchiveLimits, checkLimit } from './limits.ts';
import { type PaxRecord, parsePax, parseWhole, pax } from './pax.ts';
import { checkSparse, type SparseSegment } from './sparse.ts';
import { leadingSparseMap, oldSparseMap, paxSparseMap } from './sparse-map.ts';
import {
  blockSize,
  endsEarly,
  invalid,
  isZeroBlock,
  type MemberType,
  padded,
  parseHeader,
  type TarHeader,
  typeFlags,
} from './tar-header.ts';
import type { Reading, TarRequest } from './tar-request.ts';

/** One member of an archive. */
export interface TarEntry {
  /** As it stands in the archive; `plainName` gives the name to ask for. */
  readonly name: string;
  readonly type: MemberType;
  /** Bytes of content, holes of a sparse member included. */
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly userName: string;
  readonly groupName: string;
  /** Seconds since 1970, with a fraction where the archive has one. */
  readonly mtime: number;
  /** What a link points to, as it stands in the archive. */
  readonly linkName: string;
  readonly devMajor: number;
  readonly devMinor: number;
  /** Extended attributes by name. */
  readonly xattrs: Readonly<Record<string, string>> | undefined;
  readonly sparse: readonly SparseSegment[] | undefined;
  /** Where the first header of this member begins, extended ones included. */
  readonly headerOffset: number;
  /** Where its stored bytes begin, and how many they are. */
  readonly dataOffset: number;
  readonly storedSize: number;
}

/** Ends with the offset of the end mark. */
export type TarParser = Generator<TarRequest | TarEntry, number, Uint8Array>;

export function isEntry(step: TarRequest | TarEntry): step is TarEntry {
  return 'type' in step;
}

/** Extended headers describe the next member; more than this many in a row are no archive that anyone wrote. */
const headersPerMember = 8;

/**
 * Reads headers, whatever the bytes come from: yields what it needs and is given that, and yields each member
 * as soon as its headers are read. Offsets asked for only grow, so that a stream can drive it as well as a
 * file; what a driver passes over in between is content.
 *
 * @throws CodedError `corrupt` for anything that is not a well-formed, complete archive, and
 *   `resource-exhausted` for one beyond the limits.
 */
export function* parseTar(limits: ArchiveLimits): TarParser {
  let at = 0;
  let members = 0;
  let indexBytes = 0;
  let contentBytes = 0;
  let after = '';
  const first = yield { at, length: blockSize };
  // An empty file is an archive without members.
  if (first.length === 0) return 0;
  for (let block: Uint8Array = first; ; block = yield { at, length: blockSize }) {
    if (block.length < blockSize) throw endsEarly(at, after);
    if (isZeroBlock(block)) return yield* endMark(at);
    const header = parseHeader(block, at);
    const { entry, metadataBytes } = isPlain(header)
      ? { entry: plainMember(header, at, limits), metadataBytes: 0 }
      : yield* readMember(header, block, at, limits);
    checkLimit(limits, 'members', ++members, 'reading the archive');
    indexBytes += metadataBytes + entry.name.length + entry.linkName.length;
    checkLimit(limits, 'indexBytes', indexBytes, 'reading the archive');
    contentBytes += entry.size;
    checkLimit(limits, 'totalBytes', contentBytes, 'reading the archive');
    yield entry;
    at = entry.dataOffset + padded(entry.storedSize);
    after = entry.name;
  }
}

/** The mark is two blocks of zeros; some programs write one, at the very end. */
function* endMark(at: number): TarParser {
  const second = yield { at: at + blockSize, length: blockSize };
  if (second.length === blockSize && !isZeroBlock(second)) {
    throw invalid(at, 'a lone block of zeros with more after it');
  }
  return at;
}

/** What extended headers say about the next member. */
interface Extended {
  name: string | undefined;
  linkName: string | undefined;
  records: readonly PaxRecord[];
}

/** Whether the header block alone says everything, as it does for nearly every member. */
function isPlain(header: TarHeader): boolean {
  return !isDescription(header.flag) && header.flag !== 'S';
}

function plainMember(header: TarHeader, headerOffset: number, limits: ArchiveLimits): TarEntry {
  const { name, linkName, size } = header;
  checkLimit(
    limits,
    'nameBytes',
    Math.max(name.length, linkName.length),
    `the member at offset ${headerOffset}`,
  );
  return {
    name,
    type: typeOf(header.flag, name, size, headerOffset),
    size,
    mode: header.mode,
    uid: header.uid,
    gid: header.gid,
    userName: header.userName,
    groupName: header.groupName,
    mtime: header.mtime,
    linkName,
    devMajor: header.devMajor,
    devMinor: header.devMinor,
    xattrs: undefined,
    sparse: undefined,
    headerOffset,
    dataOffset: headerOffset + blockSize,
    storedSize: size,
  };
}

/** @throws CodedError `corrupt` for content where there can be none. */
function typeOf(flag: string, name: string, storedSize: number, at: number): MemberType {
  // In archives older than POSIX a folder is a file whose name ends in a slash.
  const type = flag === '\0' && name.endsWith('/') ? 'directory' : (typeFlags[flag] ?? 'other');
  if (storedSize > 0 && type !== 'file' && type !== 'other') {
    throw invalid(at, `${storedSize} bytes of content for ${name}, which is a ${type},`);
  }
  return type;
}

function* readMember(
  firstHeader: TarHeader,
  firstBlock: Uint8Array,
  headerOffset: number,
  limits: ArchiveLimits,
): Reading<{ entry: TarEntry; metadataBytes: number }> {
  const extended: Extended = { name: undefined, linkName: undefined, records: [] };
  let header = firstHeader;
  let block = firstBlock;
  let at = headerOffset;
  let metadataBytes = 0;
  for (let count = 0; ; count++) {
    if (!isDescription(header.flag)) {
      const entry = yield* memberOf(header, block, at, headerOffset, extended, limits);
      return { entry, metadataBytes };
    }
    if (count >= headersPerMember) throw invalid(at, 'too many extended headers in a row');
    const body = yield* readBody(header, at + blockSize, limits);
    applyDescription(extended, header.flag, body, at, limits);
    metadataBytes += body.length;
    at += blockSize + padded(header.size);
    block = yield { at, length: blockSize };
    if (block.length < blockSize || isZeroBlock(block)) throw endsEarly(at, header.name);
    header = parseHeader(block, at);
  }
}

function isDescription(flag: string): boolean {
  return flag === 'x' || flag === 'g' || flag === 'X' || flag === 'L' || flag === 'K';
}

function* readBody(header: TarHeader, at: number, limits: ArchiveLimits): Reading<Uint8Array> {
  checkLimit(limits, 'headerBytes', header.size, `the extended header at offset ${at}`);
  if (header.size === 0) return new Uint8Array(0);
  const body = yield { at, length: header.size };
  if (body.length < header.size) throw endsEarly(at + body.length, header.name);
  return body;
}

function applyDescription(
  extended: Extended,
  flag: string,
  body: Uint8Array,
  at: number,
  limits: ArchiveLimits,
): void {
  if (flag === 'L' || flag === 'K') {
    const end = body.indexOf(0);
    const name = unixText(end < 0 ? body : body.subarray(0, end));
    checkLimit(limits, 'nameBytes', name.length, `the long name at offset ${at}`);
    if (flag === 'L') extended.name = name;
    else extended.linkName = name;
    return;
  }
  const records = parsePax(body, at + blockSize);
  if (flag !== 'g') {
    extended.records = [...extended.records, ...records];
    return;
  }
  // Headers for all later members: programs disagree on what they mean, so only the harmless are let through.
  const meant = records.find(([key]) => key === pax.path || key === pax.linkPath || key === pax.size);
  const sparse = records.find(([key]) => key.startsWith('GNU.sparse.'));
  const found = meant ?? sparse;
  if (found) throw invalid(at, `a global extended header that sets ${found[0]}`);
}

function* memberOf(
  header: TarHeader,
  block: Uint8Array,
  at: number,
  headerOffset: number,
  extended: Extended,
  limits: ArchiveLimits,
): Reading<TarEntry> {
  const records = new Map(extended.records);
  const name = records.get(pax.sparseName) ?? records.get(pax.path) ?? extended.name ?? header.name;
  const linkName = records.get(pax.linkPath) ?? extended.linkName ?? header.linkName;
  checkLimit(limits, 'nameBytes', Math.max(name.length, linkName.length), `the member at offset ${at}`);
  const storedSize = wholeNumber(records, pax.size, at) ?? header.size;
  const type = typeOf(header.flag, name, storedSize, at);
  const content = yield* layOut(header, block, at + blockSize, storedSize, name, extended.records, limits);
  return {
    ...header,
    ...content,
    name,
    linkName,
    type,
    uid: wholeNumber(records, pax.uid, at) ?? header.uid,
    gid: wholeNumber(records, pax.gid, at) ?? header.gid,
    userName: records.get(pax.userName) ?? header.userName,
    groupName: records.get(pax.groupName) ?? header.groupName,
    mtime: decimal(records, pax.mtime, at) ?? header.mtime,
    xattrs: xattrsOf(extended.records),
    headerOffset,
  };
}

interface Content {
  size: number;
  sparse: readonly SparseSegment[] | undefined;
  dataOffset: number;
  storedSize: number;
}

/** Where the content of a member is: plain, or in one of the four forms of a sparse member. */
function* layOut(
  header: TarHeader,
  block: Uint8Array,
  dataOffset: number,
  storedSize: number,
  name: string,
  records: readonly PaxRecord[],
  limits: ArchiveLimits,
): Reading<Content> {
  const byKey = new Map(records);
  const count = (found: number) => checkLimit(limits, 'sparseSegments', found, `member ${name}`);
  const finish = (segments: SparseSegment[], size: number, from: number, stored: number): Content => ({
    size,
    sparse: checkSparse(segments, size, stored, name),
    dataOffset: from,
    storedSize: stored,
  });
  if (header.flag === 'S') {
    const old = yield* oldSparseMap(block, dataOffset, count);
    return finish(old.segments, old.size, old.end, storedSize);
  }
  const realSize =
    wholeNumber(byKey, pax.sparseRealSize, dataOffset) ?? wholeNumber(byKey, pax.sparseSize, dataOffset);
  if (realSize === undefined) return { size: storedSize, sparse: undefined, dataOffset, storedSize };
  if (byKey.get(pax.sparseMajor) === '1' && byKey.get(pax.sparseMinor) === '0') {
    const map = yield* leadingSparseMap(dataOffset, storedSize, name, count);
    return finish(map.segments, realSize, dataOffset + map.length, storedSize - map.length);
  }
  return finish(paxSparseMap(records, dataOffset, count), realSize, dataOffset, storedSize);
}

function xattrsOf(records: readonly PaxRecord[]): Record<string, string> | undefined {
  const found = records.filter(([key]) => key.startsWith(pax.xattrPrefix));
  if (found.length === 0) return undefined;
  return Object.fromEntries(found.map(([key, value]) => [key.slice(pax.xattrPrefix.length), value]));
}

function wholeNumber(records: ReadonlyMap<string, string>, key: string, at: number): number | undefined {
  const text = records.get(key);
  return text === undefined ? undefined : parseWhole(text, key, at);
}

function decimal(records: ReadonlyMap<string, string>, key: string, at: number): number | undefined {
  const text = records.get(key);
  if (text === undefined) return undefined;
  if (!/^-?[0-9]{1,16}(\.[0-9]{0,32})?$/.test(text)) throw invalid(at, `a ${key} that is no number`);
  return Number(text);
}
