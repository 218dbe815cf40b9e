/** Quoted-printable text as Python writes and reads it; `crit` uses it for the names of UNIX sockets. */

const maxLine = 76;
const newline = 10;

/** `bytes` with everything but printable ASCII as `=XX`; each character of the answer is ASCII. */
export function quotedText(bytes: Uint8Array): string {
  let out = '';
  let column = 0;
  for (const [at, byte] of bytes.entries()) {
    const next = bytes[at + 1];
    if (byte === newline || byte === 13) {
      // White space at the end of a line would get lost.
      if (/[ \t]$/.test(out)) out = out.slice(0, -1) + quoted(out.charCodeAt(out.length - 1));
      out += String.fromCharCode(byte);
      if (byte === newline) column = 0;
    } else if (mustQuote(byte, next, column)) {
      if (column + 3 >= maxLine) {
        out += '=\n';
        column = 0;
      }
      out += quoted(byte);
      column += 3;
    } else {
      if (next !== undefined && next !== newline && column + 1 >= maxLine) {
        out += '=\n';
        column = 0;
      }
      out += String.fromCharCode(byte);
      column += 1;
    }
  }
  return out;
}

function mustQuote(byte: number, next: number | undefined, column: number): boolean {
  const blank = byte === 0x20 || byte === 9;
  if (byte > 126 || byte === 0x3d) return true;
  if (byte === 0x2e && column === 0)
    return next === undefined || next === newline || next === 13 || next === 0;
  return blank ? next === undefined : byte < 33;
}

function quoted(byte: number): string {
  return `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** The bytes that {@link quotedText} wrote; what is not quoted stands for itself, modulo 256. */
export function quotedBytes(text: string): Uint8Array {
  const out: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const code = /^=([0-9A-Fa-f]{2})/.exec(text.slice(at, at + 3));
    if (code) {
      out.push(Number.parseInt(code[1] ?? '', 16));
      at += 2;
    } else if (text.startsWith('=\n', at)) at += 1;
    else out.push(text.charCodeAt(at) & 0xff);
  }
  return Uint8Array.from(out);
}
