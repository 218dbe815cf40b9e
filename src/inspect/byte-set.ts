/** For each byte, 1 where it is in the set. */
export type ByteSet = Readonly<Uint8Array>;

export const anyByte: ByteSet = new Uint8Array(256).fill(1);

export function setOf(...bytes: readonly number[]): ByteSet {
  const set = new Uint8Array(256);
  for (const byte of bytes) set[byte] = 1;
  return set;
}

export function inverse(set: ByteSet): ByteSet {
  return set.map((there) => 1 - there);
}

/** With the other case of each ASCII letter in it. */
export function bothCases(set: ByteSet): ByteSet {
  return set.map((there, byte) => there | (isLetter(byte) ? (set[byte ^ 0x20] ?? 0) : 0));
}

function isLetter(byte: number): boolean {
  return (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
}

/** The characters of `text`; `a-z` is a range. */
function written(text: string): ByteSet {
  const set = new Uint8Array(256);
  for (const [, from = '', to = from] of text.matchAll(/(.)(?:-(.))?/gs)) {
    set.fill(1, from.charCodeAt(0), to.charCodeAt(0) + 1);
  }
  return set;
}

const letters: Readonly<Record<string, string>> = { d: '0-9', s: '\t\n\f\r ', w: '0-9A-Za-z_' };

/** The set of `\d`, `\s`, `\w`, and of their capitals, which stand for everything else. */
export function byLetter(letter: string): ByteSet {
  const set = written(letters[letter.toLowerCase()] ?? '');
  return letter === letter.toLowerCase() ? set : inverse(set);
}

/** The bytes of words, for `\b`. */
export const wordBytes: ByteSet = byLetter('w');

const names: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\x00-\x7f',
  blank: '\t ',
  cntrl: '\x00-\x1f\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-/:-@[-`{-~',
  space: '\t-\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

/** The set of `[:name:]`. */
export function byName(name: string): ByteSet | undefined {
  return Object.hasOwn(names, name) ? written(names[name] ?? '') : undefined;
}
