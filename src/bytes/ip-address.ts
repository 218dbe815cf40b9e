import { CodedError } from '../errors/coded-error.ts';

/** The address in 4 or 16 bytes, as RFC 5952 writes it. */
export function addressText(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : address6Text(bytes);
}

function address6Text(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, at) => ((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0));
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff) {
    return `::ffff:${bytes.subarray(12, 16).join('.')}`;
  }
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && words[at + length] === 0) length += 1;
    if (length > best.length) best = { at, length };
  }
  const hex = words.map((word) => word.toString(16));
  if (best.at < 0) return hex.join(':');
  return `${hex.slice(0, best.at).join(':')}::${hex.slice(best.at + best.length).join(':')}`;
}

/** The 4 or 16 bytes of an address. @throws CodedError `invalid-argument` */
export function addressBytes(text: string): Uint8Array {
  const bytes = text.includes(':') ? address6Bytes(text) : address4Bytes(text);
  if (!bytes) throw new CodedError('invalid-argument', `${JSON.stringify(text)} is not an IP address`);
  return bytes;
}

function address4Bytes(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  const fine = parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
  return fine ? Uint8Array.from(parts, Number) : undefined;
}

function address6Bytes(text: string): Uint8Array | undefined {
  const [front, back, more] = text.split('::');
  if (more !== undefined || front === undefined) return undefined;
  const head = wordsOf(front);
  const tail = back === undefined ? [] : wordsOf(back);
  if (!head || !tail) return undefined;
  const gap = 8 - head.length - tail.length;
  if (back === undefined ? gap !== 0 : gap < 1) return undefined;
  const words = [...head, ...new Array<number>(gap).fill(0), ...tail];
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}

/** The 16-bit words of one side of an address; the last of them may be written as IPv4. */
function wordsOf(text: string): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const last = parts.at(-1) ?? '';
  const four = last.includes('.') ? address4Bytes(last) : new Uint8Array();
  if (!four) return undefined;
  const hex = four.length > 0 ? parts.slice(0, -1) : parts;
  if (!hex.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))) return undefined;
  const words = hex.map((part) => Number.parseInt(part, 16));
  const [a = 0, b = 0, c = 0, d = 0] = four;
  return four.length > 0 ? [...words, (a << 8) | b, (c << 8) | d] : words;
}
