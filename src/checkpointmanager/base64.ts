const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const values = new Int8Array(128).fill(-1);
for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;

/** Standard padded base64, as Go writes []byte in JSON. */
export function encodeBase64(bytes: Uint8Array): string {
  const out: string[] = [];
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    out.push(
      alphabet.charAt(group >>> 18),
      alphabet.charAt((group >>> 12) & 63),
      left > 1 ? alphabet.charAt((group >>> 6) & 63) : '=',
      left > 2 ? alphabet.charAt(group & 63) : '=',
    );
  }
  return out.join('');
}

/**
 * The bytes behind standard padded base64, or the offset of the first character that does not belong there.
 * As Go reads it: line ends are skipped, bits left over in the last character are not looked at.
 */
export function decodeBase64(text: string): Uint8Array | number {
  const out = new Uint8Array(Math.floor(text.length / 4) * 3 + 3);
  let length = 0;
  let group = 0;
  let digits = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x0a || code === 0x0d) continue;
    if (code === 0x3d) return padding(text, at, digits, group, out, length);
    const value = code < 128 ? (values[code] as number) : -1;
    if (value < 0) return at;
    group = (group << 6) | value;
    if (++digits < 4) continue;
    out[length++] = group >>> 16;
    out[length++] = group >>> 8;
    out[length++] = group;
    group = 0;
    digits = 0;
  }
  return digits === 0 ? out.subarray(0, length) : text.length - digits;
}

/** At the first `=`: two of them after two digits, one after three, then nothing. */
function padding(
  text: string,
  at: number,
  digits: number,
  group: number,
  out: Uint8Array,
  length: number,
): Uint8Array | number {
  if (digits < 2) return at;
  const rest = text.slice(at).replace(/[\r\n]/g, '');
  if (rest !== (digits === 2 ? '==' : '=')) return rest.length < 2 && digits === 2 ? text.length : at + 1;
  if (digits === 2) out[length++] = group >>> 4;
  else {
    out[length++] = group >>> 10;
    out[length++] = group >>> 2;
  }
  return out.subarray(0, length);
}
