import { strictTextOf, utf8 } from './text.ts';

/**
 * Names that Linux gave: UTF-8 by custom, any bytes by right. A byte that is not part of UTF-8 becomes the
 * lone surrogate U+DC80 + (byte − 0x80), so that different names stay different and {@link unixBytes} can give it
 * back.
 */
export function unixText(bytes: Uint8Array): string {
  // Nearly every name is short and ASCII, and this is much faster for it than a decoder.
  if (bytes.length <= 256 && isAscii(bytes)) {
    return Reflect.apply(String.fromCharCode, undefined, bytes);
  }
  return strictTextOf(bytes) ?? escapedText(bytes);
}

function isAscii(bytes: Uint8Array): boolean {
  let all = 0;
  for (let i = 0; i < bytes.length; i++) all |= bytes[i] ?? 0;
  return all < 0x80;
}

/** The bytes that {@link unixText} made `text` from. */
export function unixBytes(text: string): Uint8Array {
  if (!/[\uDC80-\uDCFF]/.test(text)) return utf8(text);
  const out: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) out.push(code - 0xdc00);
    else out.push(...utf8(character));
  }
  return Uint8Array.from(out);
}

function escapedText(bytes: Uint8Array): string {
  let out = '';
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes[at] ?? 0);
    const text = length > 0 ? strictTextOf(bytes.subarray(at, at + length)) : undefined;
    if (text === undefined || at + length > bytes.length) {
      out += String.fromCharCode(0xdc00 + (bytes[at] ?? 0));
      at += 1;
    } else {
      out += text;
      at += length;
    }
  }
  return out;
}

function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}
