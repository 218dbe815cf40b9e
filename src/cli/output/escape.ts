/**
 * What must not reach a terminal as it is: control characters (ESC starts sequences that move the cursor, change
 * the title, write to the clipboard), line and paragraph separators, and the marks that reorder or hide text.
 * Lone surrogates, too: they become U+FFFD on the way out and would hide a difference.
 */
const dangerous =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}|[\u{e0000}-\u{e007f}]/gu;

const letters: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
};

/** Text from outside, made safe to print on one line: `\n`, `\x1b`, `\u202e` stand for what was there. */
export function printable(text: string): string {
  return text.replace(dangerous, escapeChar);
}

/** As {@link printable}, but line breaks and tabs stay. */
export function printableLines(text: string): string {
  return text.replace(dangerous, (char) => (char === '\n' || char === '\t' ? char : escapeChar(char)));
}

/** The text in double quotes, escaped as Go's %q does. */
export function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replace(dangerous, escapeChar)}"`;
}

function escapeChar(char: string): string {
  const letter = letters[char];
  if (letter) return letter;
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
