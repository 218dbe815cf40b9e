import { unixText } from '../bytes/unix-text.ts';
import { CodedError } from '../errors/coded-error.ts';

/** Everything in a tar is a multiple of this many bytes. */
export const blockSize = 512;

/** `[offset, length]` of the fields of a header block. */
export const field = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkName: [157, 100],
  magic: [257, 6],
  version: [263, 2],
  userName: [265, 32],
  groupName: [297, 32],
  devMajor: [329, 8],
  devMinor: [337, 8],
  prefix: [345, 155],
  /** star's shorter prefix, where the block ends with "tar\0". */
  starPrefix: [345, 131],
  starTrailer: [508, 4],
  /** GNU's old sparse members: four segments, whether more blocks of them follow, and the real size. */
  sparseSegments: [386, 96],
  sparseMore: [482, 1],
  sparseRealSize: [483, 12],
} as const satisfies Record<string, readonly [number, number]>;

export type FieldName = keyof typeof field;

/** What a member is. `other` is a kind that has no meaning here (a volume label, a vendor's own). */
export type MemberType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'hardlink'
  | 'character-device'
  | 'block-device'
  | 'fifo'
  | 'other';

/** The type flags of members; the flags of headers that describe the next member are in `tar-parser.ts`. */
export const typeFlags: Readonly<Record<string, MemberType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
};

/** One header block as it stands, before extended headers change it. */
export interface TarHeader {
  flag: string;
  name: string;
  linkName: string;
  /** Bytes stored after the header. */
  size: number;
  mode: number;
  uid: number;
  gid: number;
  userName: string;
  groupName: string;
  /** Seconds since 1970. */
  mtime: number;
  devMajor: number;
  devMinor: number;
}

/** `length` rounded up to whole blocks. */
export function padded(length: number): number {
  return Math.ceil(length / blockSize) * blockSize;
}

export function isZeroBlock(block: Uint8Array): boolean {
  return block[0] === 0 && block.every((byte) => byte === 0);
}

export function fieldBytes(block: Uint8Array, name: FieldName): Uint8Array {
  const [offset, length] = field[name];
  return block.subarray(offset, offset + length);
}

/** The text of a field: up to the first NUL, or all of it. */
export function fieldText(block: Uint8Array, name: FieldName): string {
  const [start, length] = field[name];
  let end = start;
  while (end < start + length && block[end] !== 0) end++;
  return end === start ? '' : unixText(block.subarray(start, end));
}

/**
 * The header in `block`, which stands at `offset` in the archive.
 * @throws CodedError `corrupt` when the checksum is wrong or a number is none.
 */
export function parseHeader(block: Uint8Array, offset: number): TarHeader {
  checkSum(block, offset);
  const number = (name: FieldName) => numberAt(block, field[name][0], field[name][1], name, offset);
  const magic = fieldText(block, 'magic');
  const posix = magic === 'ustar';
  const named = posix || magic === 'ustar ';
  const prefix = posix ? fieldText(block, isStar(block) ? 'starPrefix' : 'prefix') : '';
  const name = fieldText(block, 'name');
  const size = number('size');
  if (size < 0) throw invalid(offset, `a size of ${size}`);
  return {
    flag: String.fromCharCode(block[field.type[0]] ?? 0),
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: fieldText(block, 'linkName'),
    size,
    mode: number('mode'),
    uid: number('uid'),
    gid: number('gid'),
    mtime: number('mtime'),
    userName: named ? fieldText(block, 'userName') : '',
    groupName: named ? fieldText(block, 'groupName') : '',
    devMajor: named ? number('devMajor') : 0,
    devMinor: named ? number('devMinor') : 0,
  };
}

function isStar(block: Uint8Array): boolean {
  const [a, b, c, d] = fieldBytes(block, 'starTrailer');
  return a === 0x74 && b === 0x61 && c === 0x72 && d === 0;
}

/** The sum that belongs into the checksum field: all bytes, that field itself counted as spaces. */
export function headerSum(block: Uint8Array): number {
  const [at, length] = field.checksum;
  let sum = 0x20 * length + sumOf(block);
  for (let i = at; i < at + length; i++) sum -= block[i] ?? 0;
  return sum;
}

/** Most of the work on a header: four bytes at a time, in two lanes of 16 bits that 128 steps cannot overflow. */
function sumOf(block: Uint8Array): number {
  if (block.byteOffset % 4 !== 0 || block.length !== blockSize) return block.reduce((a, b) => a + b, 0);
  const words = new Uint32Array(block.buffer, block.byteOffset, blockSize / 4);
  let lanes = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? 0;
    if (word !== 0) lanes += (word & 0x00ff00ff) + ((word >>> 8) & 0x00ff00ff);
  }
  return (lanes & 0xffff) + (lanes >>> 16);
}

function checkSum(block: Uint8Array, offset: number): void {
  const stored = numberAt(block, field.checksum[0], field.checksum[1], 'checksum', offset);
  const sum = headerSum(block);
  if (stored === sum) return;
  // Some old programs summed signed bytes.
  const [at, length] = field.checksum;
  let high = 0;
  for (let i = 0; i < blockSize; i++) {
    if ((i < at || i >= at + length) && (block[i] ?? 0) > 127) high++;
  }
  if (stored !== sum - 256 * high) throw invalid(offset, `a header sum of ${stored} where ${sum} is right`);
}

/** A number field: octal digits, or GNU's base-256 where the first bit is set. */
export function parseNumber(bytes: Uint8Array, name: string, offset: number): number {
  return numberAt(bytes, 0, bytes.length, name, offset);
}

function numberAt(block: Uint8Array, start: number, length: number, name: string, offset: number): number {
  const end = start + length;
  if ((block[start] ?? 0) & 0x80) return parseBase256(block.subarray(start, end), name, offset);
  let value = 0;
  let at = start;
  while (at < end && isBlank(block[at])) at++;
  for (; at < end && !isBlank(block[at]); at++) {
    const digit = (block[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) throw invalid(offset, `a ${name} that is no octal number`);
    value = value * 8 + digit;
  }
  for (; at < end; at++) {
    if (!isBlank(block[at])) throw invalid(offset, `a ${name} that is no octal number`);
  }
  return value;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0 || byte === 0x20;
}

function parseBase256(bytes: Uint8Array, name: string, offset: number): number {
  const negative = bytes[0] === 0xff;
  let value = negative ? -1n : BigInt((bytes[0] ?? 0) & 0x7f);
  for (const byte of bytes.subarray(1)) value = value * 256n + BigInt(byte);
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) {
    throw invalid(offset, `a ${name} of ${value}`);
  }
  return Number(value);
}

/** The words of checkpointctl's own reader first, because people look for them. */
export function invalid(offset: number, found: string): CodedError {
  return new CodedError('corrupt', `archive/tar: invalid tar header: ${found} at offset ${offset}`, {
    data: { offset },
  });
}

export function endsEarly(at: number, after: string): CodedError {
  const where = after === '' ? '' : `, inside or right after ${after}`;
  return new CodedError('corrupt', `unexpected EOF: the archive is cut off before offset ${at}${where}`, {
    data: { offset: at },
  });
}
