import { utf8 } from '../bytes/text.ts';
import { CodedError } from '../errors/coded-error.ts';

/** Deepest nesting that Go's decoder takes. */
const deepest = 10_000;

const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y;
const plain = /[^"\\\0-\x1f]*/y;

/**
 * Goes over the whole text, as Go does before it decodes anything.
 * @throws CodedError `corrupt` in the words of Go's `encoding/json`, with the byte `offset` in its data.
 */
export function checkSyntax(text: string): void {
  new Syntax(text).check();
}

class Syntax {
  readonly #text: string;
  #at = 0;
  /** What we are inside of, innermost last. */
  readonly #open: ('{' | '[')[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  check(): void {
    this.#space();
    this.#value();
    while (this.#open.length > 0) this.#afterValue();
    this.#space();
    if (this.#at < this.#text.length) this.#fail('after top-level value');
  }

  /** One value; of an object or a list only its beginning, up to and including the first value inside. */
  #value(): void {
    for (;;) {
      const character = this.#text[this.#at];
      if (character !== '{' && character !== '[') {
        this.#scalar(character);
        return;
      }
      if (this.#open.length >= deepest) this.#fail('exceeded max depth');
      this.#open.push(character);
      this.#at++;
      this.#space();
      const next = this.#text[this.#at];
      if (next === (character === '{' ? '}' : ']')) {
        this.#at++;
        this.#open.pop();
        return;
      }
      if (character === '{') this.#key();
    }
  }

  #afterValue(): void {
    this.#space();
    const object = this.#open.at(-1) === '{';
    const character = this.#text[this.#at];
    if (character === (object ? '}' : ']')) {
      this.#at++;
      this.#open.pop();
      return;
    }
    if (character !== ',') this.#fail(object ? 'after object key:value pair' : 'after array element');
    this.#at++;
    this.#space();
    if (object) this.#key();
    this.#value();
  }

  #key(): void {
    if (this.#text[this.#at] !== '"') this.#fail('looking for beginning of object key string');
    this.#string();
    this.#space();
    if (this.#text[this.#at] !== ':') this.#fail('after object key');
    this.#at++;
    this.#space();
  }

  #scalar(character: string | undefined): void {
    if (character === '"') this.#string();
    else if (character === 't') this.#literal('true');
    else if (character === 'f') this.#literal('false');
    else if (character === 'n') this.#literal('null');
    else if (character !== undefined && /[-0-9]/.test(character)) this.#number();
    else this.#fail('looking for beginning of value');
  }

  #literal(word: string): void {
    for (const expected of word) {
      if (this.#text[this.#at] !== expected) this.#fail(`in literal ${word} (expecting '${expected}')`);
      this.#at++;
    }
  }

  #number(): void {
    const from = this.#at;
    number.lastIndex = from;
    if (!number.test(this.#text)) {
      this.#at++;
      this.#fail('in numeric literal');
    }
    this.#at = number.lastIndex;
    // The expression stops before a fraction or an exponent that is not complete.
    const token = this.#text.slice(from, this.#at);
    const next = this.#text[this.#at];
    if (next === '.' && !/[.eE]/.test(token)) {
      this.#at++;
      this.#fail('after decimal point in numeric literal');
    }
    if ((next === 'e' || next === 'E') && !/[eE]/.test(token)) {
      this.#at++;
      if (/[-+]/.test(this.#text[this.#at] ?? '')) this.#at++;
      this.#fail('in exponent of numeric literal');
    }
  }

  #string(): void {
    this.#at++;
    for (;;) {
      plain.lastIndex = this.#at;
      plain.test(this.#text);
      this.#at = plain.lastIndex;
      const character = this.#text[this.#at];
      if (character === '"') {
        this.#at++;
        return;
      }
      if (character !== '\\') this.#fail('in string literal');
      this.#at++;
      this.#escape();
    }
  }

  #escape(): void {
    const character = this.#text[this.#at] ?? '';
    if (character === 'u') {
      this.#at++;
      for (let i = 0; i < 4; i++, this.#at++) {
        if (!/^[0-9a-fA-F]$/.test(this.#text[this.#at] ?? ''))
          this.#fail('in \\u hexadecimal character escape');
      }
      return;
    }
    if (character === '' || !'bfnrt\\/"'.includes(character)) this.#fail('in string escape code');
    this.#at++;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #fail(context: string): never {
    const offset = utf8(this.#text.slice(0, this.#at)).length;
    const character = this.#text[this.#at];
    const message =
      character === undefined
        ? 'unexpected end of JSON input'
        : `invalid character ${quoteByte(this.#text, this.#at)} ${context}`;
    throw new CodedError('corrupt', message, { data: { offset } });
  }
}

/** Go reads bytes: of a character beyond ASCII it names the first byte. */
function quoteByte(text: string, at: number): string {
  const byte = utf8(String.fromCodePoint(text.codePointAt(at) ?? 0))[0] ?? 0;
  const character = String.fromCharCode(byte);
  if (character === "'") return "'\\''";
  if (character === '"') return "'\"'";
  const named: Record<string, string> = {
    '\x07': '\\a',
    '\b': '\\b',
    '\f': '\\f',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\v': '\\v',
    '\\': '\\\\',
  };
  if (named[character]) return `'${named[character]}'`;
  if (byte < 0x20 || byte === 0x7f) return `'\\x${byte.toString(16).padStart(2, '0')}'`;
  if (byte >= 0x80 && byte <= 0xa0) return `'\\u00${byte.toString(16)}'`;
  return `'${character}'`;
}
