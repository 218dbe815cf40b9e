import { strictTextOf } from '../bytes/text.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { decodeBase64 } from './base64.ts';
import { checkSyntax } from './go-json-syntax.ts';
import {
  any,
  bool,
  type Dynamic,
  float64,
  type GoType,
  map,
  type Pointer,
  slice,
  string,
  zero,
} from './go-type.ts';
import { membersOf } from './members.ts';

/**
 * Decodes JSON by the rules of Go's `encoding/json`, which checksums depend on: names match exactly or else
 * without regard to case, unknown ones are skipped, of duplicates the last one counts (maps merge), null sets
 * maps, lists and pointers to nil and leaves the rest alone, integers are exact, and what is absent keeps the
 * value of `initial`.
 *
 * @param initial what Go's reader has allocated before it decodes; it is changed. The type's zero value if
 *   left out.
 * @throws CodedError `corrupt` with Go's message.
 */
export function decodeJson<V>(type: GoType<V>, bytes: Uint8Array, initial?: V): V {
  return decodeJsonText(type, strictTextOf(bytes) ?? lossyText(bytes), initial);
}

/** {@link decodeJson} of text that is already decoded. */
export function decodeJsonText<V>(type: GoType<V>, text: string, initial?: V): V {
  checkSyntax(text);
  const decoder = new Decoder(text);
  const value = decoder.value(type, initial === undefined ? zero(type) : initial);
  if (decoder.firstError) throw new CodedError('corrupt', decoder.firstError);
  return value as V;
}

/** As Go reads text that is not UTF-8: each byte that does not fit becomes U+FFFD. */
function lossyText(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] as number;
    const width = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    const text = strictTextOf(bytes.subarray(at, at + width));
    pieces.push(text ?? '\ufffd');
    at += text === undefined ? 1 : width;
  }
  return pieces.join('');
}

const numberToken = /-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
const simpleString = /"([^"\\]*)"/y;

/** Reads text that is known to be well-formed. */
class Decoder {
  readonly #text: string;
  #at = 0;
  /** The struct we are in, and the names of the fields that led here, for messages. */
  #struct = '';
  #path: string[] = [];
  firstError: string | undefined;

  constructor(text: string) {
    this.#text = text;
    this.#space();
  }

  value(type: GoType, existing: unknown): unknown {
    if (type.kind === 'struct' && type.json) return this.#custom(type, existing);
    if (type.kind === 'pointer') return this.#pointer(type.element, existing);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(type, existing);
      case '[':
        return this.#list(type, existing);
      case '"':
        return this.#string(type, existing);
      case 'n':
        this.#at += 4;
        return ['map', 'slice', 'bytes', 'interface'].includes(type.kind) ? null : existing;
      case 't':
      case 'f':
        return this.#bool(type, existing);
      default:
        return this.#number(type, existing);
    }
  }

  #pointer(element: GoType, existing: unknown): unknown {
    if (this.#text[this.#at] === 'n') {
      this.#at += 4;
      return null;
    }
    if (element.kind !== 'pointer') return this.value(element, existing ?? zero(element));
    return { to: this.value(element, (existing as Pointer<unknown> | null)?.to ?? null) };
  }

  #custom(type: GoType & { kind: 'struct' }, existing: unknown): unknown {
    const from = this.#at;
    this.#skip();
    try {
      return type.json?.decode(this.#text.slice(from, this.#at), existing);
    } catch (error) {
      throw new CodedError('corrupt', messageOf(error), { cause: error });
    }
  }

  #object(type: GoType, existing: unknown): unknown {
    if (type.kind === 'interface') return dynamic(anyMap, this.#object(anyMap, null));
    if (type.kind === 'map') return this.#map(type, existing);
    if (type.kind !== 'struct') return this.#mismatch('object', type, existing);
    const members = membersOf(type);
    const outerStruct = this.#struct;
    const depth = this.#path.length;
    this.#members((name) => {
      const member = members.find(name);
      if (!member) {
        this.#skip();
        return;
      }
      let target = existing as Record<string, unknown>;
      for (const step of member.through) target = target[step] as Record<string, unknown>;
      this.#struct = type.name.slice(type.name.lastIndexOf('.') + 1);
      this.#path.push(member.json);
      target[member.field] = this.value(member.type, target[member.field]);
      this.#path.length = depth;
      this.#struct = outerStruct;
    });
    return existing;
  }

  #map(type: GoType & { kind: 'map' }, existing: unknown): unknown {
    const result = (existing as Map<unknown, unknown> | null) ?? new Map<unknown, unknown>();
    if (type.key.kind !== 'string' && type.key.kind !== 'int')
      return this.#mismatch('object', type, existing);
    this.#members((name) => {
      const value = this.value(type.element, zero(type.element));
      const key = type.key.kind === 'int' ? this.#integer(name, type.key) : name;
      if (key !== undefined) result.set(key, value);
    });
    return result;
  }

  /** Calls `each` for every member of the object, standing at its value. */
  #members(each: (name: string) => void): void {
    this.#at++;
    this.#space();
    while (this.#text[this.#at] !== '}') {
      const name = this.#quoted();
      this.#space();
      this.#at++;
      this.#space();
      each(name);
      this.#space();
      if (this.#text[this.#at] === ',') this.#at++;
      this.#space();
    }
    this.#at++;
  }

  #list(type: GoType, existing: unknown): unknown {
    if (type.kind === 'interface') return dynamic(anySlice, this.#list(anySlice, null));
    if (type.kind !== 'slice' && type.kind !== 'array') return this.#mismatch('array', type, existing);
    // Go decodes into what a list already holds, which shows where a member occurs twice.
    const before = (existing as unknown[] | null) ?? [];
    const result: unknown[] = [];
    this.#at++;
    this.#space();
    while (this.#text[this.#at] !== ']') {
      const i = result.length;
      if (type.kind === 'array' && i >= type.length) this.#skip();
      else result.push(this.value(type.element, i in before ? before[i] : zero(type.element)));
      this.#space();
      if (this.#text[this.#at] === ',') this.#at++;
      this.#space();
    }
    this.#at++;
    while (type.kind === 'array' && result.length < type.length) result.push(zero(type.element));
    return result;
  }

  #string(type: GoType, existing: unknown): unknown {
    const text = this.#quoted();
    if (type.kind === 'string') return text;
    if (type.kind === 'interface') return dynamic(string, text);
    if (type.kind !== 'bytes') return this.#refuse('string', type, existing);
    const decoded = decodeBase64(text);
    if (typeof decoded !== 'number') return decoded;
    this.firstError ??= `illegal base64 data at input byte ${decoded}`;
    return existing;
  }

  #bool(type: GoType, existing: unknown): unknown {
    const value = this.#text[this.#at] === 't';
    this.#at += value ? 4 : 5;
    if (type.kind === 'bool') return value;
    return type.kind === 'interface' ? dynamic(bool, value) : this.#refuse('bool', type, existing);
  }

  #number(type: GoType, existing: unknown): unknown {
    numberToken.lastIndex = this.#at;
    const token = numberToken.exec(this.#text)?.[0] ?? '';
    this.#at += token.length;
    if (type.kind === 'int') return this.#integer(token, type) ?? existing;
    if (type.kind === 'interface') return dynamic(float64, Number(token));
    if (type.kind !== 'float64' && type.kind !== 'float32') return this.#refuse('number', type, existing);
    const value = type.kind === 'float32' ? Math.fround(Number(token)) : Number(token);
    return Number.isFinite(value) ? value : this.#refuse(`number ${token}`, type, existing);
  }

  /** The integer, or undefined where it is none of this type. */
  #integer(token: string, type: GoType & { kind: 'int' }): bigint | undefined {
    if (/^[-+]?[0-9]{1,20}$/.test(token) && (type.signed || /^[0-9]/.test(token))) {
      const value = BigInt(token.startsWith('+') ? token.slice(1) : token);
      const fits = type.signed
        ? BigInt.asIntN(type.bits, value) === value
        : BigInt.asUintN(type.bits, value) === value;
      if (fits) return value;
    }
    this.#refuse(`number ${token}`, type, undefined);
    return undefined;
  }

  #mismatch(found: string, type: GoType, existing: unknown): unknown {
    this.#refuse(found, type, existing);
    this.#skip();
    return existing;
  }

  #refuse(found: string, type: GoType, existing: unknown): unknown {
    const where =
      this.#struct === ''
        ? `value of type ${type.name}`
        : `struct field ${this.#struct}.${this.#path.join('.')} of type ${type.name}`;
    this.firstError ??= `json: cannot unmarshal ${found} into Go ${where}`;
    return existing;
  }

  /** Past the value we stand at. */
  #skip(): void {
    if (!/["{[]/.test(this.#text[this.#at] ?? '')) {
      this.#skipScalar();
      return;
    }
    let depth = 0;
    do {
      const character = this.#text[this.#at];
      if (character === '"') this.#quoted();
      else {
        if (character === '{' || character === '[') depth++;
        else if (character === '}' || character === ']') depth--;
        this.#at++;
      }
    } while (depth > 0);
  }

  #skipScalar(): void {
    while (!/[\s,}\]]/.test(this.#text[this.#at] ?? ',')) this.#at++;
  }

  /** The string we stand at; half of a surrogate pair becomes U+FFFD, as in Go. */
  #quoted(): string {
    simpleString.lastIndex = this.#at;
    const simple = simpleString.exec(this.#text);
    if (simple) {
      this.#at = simpleString.lastIndex;
      return simple[1] as string;
    }
    const from = this.#at++;
    while (this.#text[this.#at] !== '"') this.#at += this.#text[this.#at] === '\\' ? 2 : 1;
    this.#at++;
    return (JSON.parse(this.#text.slice(from, this.#at)) as string).toWellFormed();
  }

  #space(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

const anyMap = map(string, any);
const anySlice = slice(any);

function dynamic(type: GoType, of: unknown): Dynamic {
  return { type, of };
}
