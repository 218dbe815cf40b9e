import { concat } from '../bytes/concat.ts';
import { utf8 } from '../bytes/text.ts';
import { unixBytes, unixText } from '../bytes/unix-text.ts';
import { invalid } from './tar-header.ts';

/** Keys of extended headers that this program understands. Everything else is kept only where it is an xattr. */
export const pax = {
  path: 'path',
  linkPath: 'linkpath',
  size: 'size',
  mtime: 'mtime',
  uid: 'uid',
  gid: 'gid',
  userName: 'uname',
  groupName: 'gname',
  charset: 'hdrcharset',
  xattrPrefix: 'SCHILY.xattr.',
  sparseMajor: 'GNU.sparse.major',
  sparseMinor: 'GNU.sparse.minor',
  sparseName: 'GNU.sparse.name',
  sparseRealSize: 'GNU.sparse.realsize',
  sparseSize: 'GNU.sparse.size',
  sparseMap: 'GNU.sparse.map',
  sparseOffset: 'GNU.sparse.offset',
  sparseLength: 'GNU.sparse.numbytes',
} as const;

export type PaxRecord = readonly [key: string, value: string];

const newline = 0x0a;
const equals = 0x3d;

/**
 * The records `LENGTH KEY=VALUE\n` in `bytes`, in order; a key may occur more than once.
 * @param offset where they stand in the archive, for messages.
 * @throws CodedError `corrupt` when they are not well-formed.
 */
export function parsePax(bytes: Uint8Array, offset: number): PaxRecord[] {
  const records: PaxRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = recordLength(bytes, at, offset);
    const end = at + length.value;
    const equal = bytes.indexOf(equals, length.end);
    if (bytes[end - 1] !== newline || equal < 0 || equal >= end || equal === length.end) {
      throw invalid(offset + at, 'a malformed extended header record');
    }
    const key = unixText(bytes.subarray(length.end, equal));
    records.push([key, unixText(bytes.subarray(equal + 1, end - 1))]);
    at = end;
  }
  return records;
}

function recordLength(bytes: Uint8Array, at: number, offset: number): { value: number; end: number } {
  let value = 0;
  let end = at;
  for (; end < at + 9; end++) {
    const digit = (bytes[end] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  if (end === at || bytes[end] !== 0x20 || value < end - at + 3 || at + value > bytes.length) {
    throw invalid(offset + at, 'a malformed extended header record');
  }
  return { value, end: end + 1 };
}

/** The bytes of the given records, in order. */
export function encodePax(records: readonly PaxRecord[]): Uint8Array<ArrayBuffer> {
  return concat(
    records.map(([key, value]) => {
      const body = concat([utf8(` ${key}=`), unixBytes(value), utf8('\n')]);
      // The length counts its own digits.
      let length = body.length + 1;
      while (String(length).length + body.length !== length) length = String(length).length + body.length;
      return concat([utf8(String(length)), body]);
    }),
  );
}

/** A whole number in decimal digits. @throws CodedError `corrupt` for anything else. */
export function parseWhole(text: string, what: string, at: number): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw invalid(at, `a ${what} that is no number`);
  return value;
}
