import { CodedError } from '../errors/coded-error.ts';
import { utf8 } from './text.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const letters = utf8(alphabet);
const values = new Int16Array(256).fill(-1);
for (const [value, letter] of letters.entries()) values[letter] = value;

/** `bytes` in base64, in lines of `columns` characters that each end in a newline, or in one piece. */
export function base64Text(bytes: Uint8Array, columns = 0): string {
  const pieces: string[] = [];
  const step = columns > 0 ? (columns / 4) * 3 : 0x3000;
  for (let at = 0; at < bytes.length; at += step) {
    pieces.push(encodePiece(bytes.subarray(at, at + step)));
    if (columns > 0) pieces.push('\n');
  }
  return pieces.join('');
}

function encodePiece(bytes: Uint8Array): string {
  let out = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const word = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    out += alphabet.charAt(word >> 18) + alphabet.charAt((word >> 12) & 63);
    out += left > 1 ? alphabet.charAt((word >> 6) & 63) : '=';
    out += left > 2 ? alphabet.charAt(word & 63) : '=';
  }
  return out;
}

/** The bytes in base64 `text`; white space is skipped. @throws CodedError `invalid-argument` */
export function base64Bytes(text: string): Uint8Array<ArrayBuffer> {
  const packed = text.replace(/\s/g, '').replace(/={1,2}$/, '');
  const out = new Uint8Array(Math.floor((packed.length * 3) / 4));
  let bits = 0;
  let word = 0;
  let at = 0;
  for (let index = 0; index < packed.length; index++) {
    const value = values[packed.charCodeAt(index)] ?? -1;
    if (value < 0) throw new CodedError('invalid-argument', 'this is not base64');
    word = ((word << 6) | value) & 0xfffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (word >> bits) & 0xff;
    }
  }
  return out;
}
