import { strictTextOf, utf8 } from '../bytes/text.ts';

/**
 * The name in `bytes`. Tar names are bytes, not text: one that is not UTF-8 keeps every byte of it that is not
 * ASCII as a lone surrogate U+DC80..U+DCFF, so that different names stay different and can be written again.
 */
export function nameOfBytes(bytes: Uint8Array): string {
  // Nearly every name is short and ASCII, and this is much faster for it than a decoder.
  if (bytes.length <= 256 && isAscii(bytes)) {
    return Reflect.apply(String.fromCharCode, undefined, bytes);
  }
  const text = strictTextOf(bytes);
  if (text !== undefined) return text;
  let out = '';
  for (const byte of bytes) out += String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte);
  return out;
}

function isAscii(bytes: Uint8Array): boolean {
  let all = 0;
  for (let i = 0; i < bytes.length; i++) all |= bytes[i] ?? 0;
  return all < 0x80;
}

/** The bytes of a name made by {@link nameOfBytes}. */
export function bytesOfName(name: string): Uint8Array {
  if (!hasRawBytes(name)) return utf8(name);
  const out: number[] = [];
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) out.push(code - 0xdc00);
    else out.push(...utf8(character));
  }
  return Uint8Array.from(out);
}

/** Whether the name holds bytes that are not UTF-8. */
export function hasRawBytes(name: string): boolean {
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) return true;
  }
  return false;
}

/** The name by which a member is asked for: without leading `./` and without the `/` at the end of a folder. */
export function plainName(name: string): string {
  let start = 0;
  while (name.startsWith('./', start)) {
    start += 2;
    while (name[start] === '/') start++;
  }
  let end = name.length;
  while (end > start && name[end - 1] === '/') end--;
  const plain = name.slice(start, end);
  return plain === '.' ? '' : plain;
}

/**
 * What makes `name` unfit to become a path below a folder, in words for a message; undefined when it is fit.
 * Judge the name as it stands in the archive, not the plain one.
 */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'an empty name';
  if (name.startsWith('/')) return 'an absolute name';
  if (name.includes('\0')) return 'a NUL in its name';
  if (name.includes('\\')) return 'a backslash in its name';
  if (name.split('/').includes('..')) return "'..' in its name";
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) return 'control characters in its name';
  return undefined;
}
