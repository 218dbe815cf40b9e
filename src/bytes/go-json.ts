import { CodedError } from '../errors/coded-error.ts';
import { textOf } from './text.ts';

/**
 * JSON as Go's encoding/json reads and writes it. Reading keeps what JSON.parse loses (members in their order
 * whatever their names, integers beyond 2^53, the spelling of a fraction) and says what is wrong in Go's words,
 * because those words reach the user of the programs we stand in for.
 */
export type Json = null | boolean | string | number | bigint | RawNumber | Json[] | JsonObject;

/** Members in the order of the text; of two with one name the last one wins. */
export type JsonObject = Map<string, Json>;

/** A number whose spelling would not survive as a JavaScript number: `1.0`, `1e400`. */
export class RawNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What {@link printGoJson} takes: a parsed value or plain data; members that are undefined are left out. */
export type Printable =
  | Json
  | undefined
  | readonly Printable[]
  | { readonly [name: string]: Printable }
  | ReadonlyMap<string, Printable>;

const maxDepth = 1000;

/**
 * The one JSON value in `input`.
 * @throws CodedError `corrupt` with the message of Go's decoder.
 */
export function parseGoJson(input: Uint8Array | string): Json {
  const reader = new Reader(typeof input === 'string' ? input : textOf(input));
  const value = reader.value(0);
  reader.end();
  return value;
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** What ends a stretch of plain characters in a string. */
const special = /["\\\u0000-\u001f]/g;
const numeral = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): Json {
    if (depth > maxDepth) throw new CodedError('corrupt', 'exceeded max depth');
    this.#space();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#literal('true', true);
      case 'f':
        return this.#literal('false', false);
      case 'n':
        return this.#literal('null', null);
      default:
        return this.#number();
    }
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) this.#fail('after top-level value');
  }

  #object(depth: number): JsonObject {
    const members: JsonObject = new Map();
    this.#at++;
    this.#space();
    if (this.#take('}')) return members;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#fail('looking for beginning of object key string');
      const name = this.#string();
      this.#space();
      if (!this.#take(':')) this.#fail('after object key');
      members.set(name, this.value(depth + 1));
      this.#space();
      if (this.#take('}')) return members;
      if (!this.#take(',')) this.#fail('after object key:value pair');
    }
  }

  #array(depth: number): Json[] {
    const items: Json[] = [];
    this.#at++;
    this.#space();
    if (this.#take(']')) return items;
    for (;;) {
      items.push(this.value(depth + 1));
      this.#space();
      if (this.#take(']')) return items;
      if (!this.#take(',')) this.#fail('after array element');
    }
  }

  #string(): string {
    let out = '';
    for (let from = ++this.#at; ; ) {
      // The platform's own search is far faster than a look at each character.
      special.lastIndex = from;
      const found = special.exec(this.#text);
      this.#at = found ? found.index : this.#text.length;
      if (!found || (found[0] !== '"' && found[0] !== '\\')) this.#fail('in string literal');
      out += this.#text.slice(from, this.#at++);
      if (found[0] === '"') return out;
      out += this.#escape();
      from = ++this.#at;
    }
  }

  /** Leaves the position at the last character of the escape. */
  #escape(): string {
    const char = this.#text[this.#at] ?? '';
    const simple = escapes[char];
    if (simple !== undefined) return simple;
    if (char !== 'u') this.#fail('in string escape code');
    for (let digit = 0; digit < 4; digit++) {
      this.#at++;
      if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? '')) this.#fail('in \\u hexadecimal character escape');
    }
    return String.fromCharCode(Number.parseInt(this.#text.slice(this.#at - 3, this.#at + 1), 16));
  }

  #literal<T>(word: string, value: T): T {
    for (let index = 0; index < word.length; index++, this.#at++) {
      if (this.#text[this.#at] !== word[index]) {
        this.#fail(`in literal ${word} (expecting ${quoteChar(word[index] ?? '')})`);
      }
    }
    return value;
  }

  #number(): number | bigint | RawNumber {
    numeral.lastIndex = this.#at;
    const text = numeral.exec(this.#text)?.[0];
    if (text === undefined) this.#failInNumber();
    this.#at += text.length;
    // Where more of a number follows, it is one that is malformed.
    const next = this.#text[this.#at] ?? '';
    const unfinished = next === '.' ? !/[.eE]/.test(text) : /[eE]/.test(next) && !/[eE]/.test(text);
    if (unfinished) this.#failInNumber(text);
    const number = Number(text);
    if (String(number) === text && (!Number.isInteger(number) || Number.isSafeInteger(number))) return number;
    return /^-?[0-9]+$/.test(text) && text !== '-0' ? BigInt(text) : new RawNumber(text);
  }

  /** Says what is wrong with the number of which `text` is the part that is right. */
  #failInNumber(text = ''): never {
    if (text === '') {
      const negative = this.#take('-');
      this.#fail(negative ? 'in numeric literal' : 'looking for beginning of value');
    }
    if (this.#take('.')) this.#fail('after decimal point in numeric literal');
    this.#at++;
    if (!this.#take('+')) this.#take('-');
    this.#fail('in exponent of numeric literal');
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #fail(where: string): never {
    const char = this.#text[this.#at];
    if (char === undefined) throw new CodedError('corrupt', 'unexpected end of JSON input');
    throw new CodedError('corrupt', `invalid character ${quoteChar(char)} ${where}`, {
      data: { offset: this.#at },
    });
  }
}

function quoteChar(char: string): string {
  if (char === "'") return "'\\''";
  if (char === '"') return `'"'`;
  return `'${JSON.stringify(char).slice(1, -1)}'`;
}

/**
 * `value` as Go's MarshalIndent(value, "", indent) prints it, or as Marshal does without `indent`: the given
 * order, `<`, `>`, `&` and the two line separators escaped, no newline at the end.
 */
export function printGoJson(value: Printable, indent = ''): string {
  return print(value, indent, indent === '' ? '' : '\n');
}

function print(value: Printable, indent: string, newline: string): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string') return goString(value);
  if (typeof value !== 'object') return String(value);
  if (value instanceof RawNumber) return value.text;
  const inner = newline + (newline ? indent : '');
  if (isList(value)) {
    return enclose(
      '[',
      ']',
      inner,
      newline,
      value.map((item) => print(item, indent, inner)),
    );
  }
  const colon = newline ? ': ' : ':';
  const members = value instanceof Map ? [...value] : Object.entries(value);
  const lines = members
    .filter(([, member]) => member !== undefined)
    .map(([name, member]) => goString(name) + colon + print(member, indent, inner));
  return enclose('{', '}', inner, newline, lines);
}

function isList(value: object): value is readonly Printable[] {
  return Array.isArray(value);
}

function enclose(
  open: string,
  close: string,
  inner: string,
  newline: string,
  parts: readonly string[],
): string {
  return parts.length === 0 ? open + close : open + inner + parts.join(`,${inner}`) + newline + close;
}

/** A string literal as Go writes it. */
function goString(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
