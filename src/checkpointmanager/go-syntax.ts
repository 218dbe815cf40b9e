import { utf8 } from '../bytes/text.ts';
import { type Dynamic, fieldType, type GoType, type Pointer } from './go-type.ts';

/**
 * Go's printed form of a value, as spew's `%#v` with sorted keys and without methods makes it: the text that
 * a checkpoint's checksum is taken over, the same in every Kubernetes version.
 */
export function goSyntax<V>(type: GoType<V>, value: V): string {
  return print(type, value);
}

type Struct = Record<string, unknown>;

function print(type: GoType, value: unknown): string {
  const out: string[] = [];
  /**
   * Whether the next value is printed without its type. spew forgets to clear it after a nil pointer, so that
   * the field after a list that ends in one is printed without its type too. Checksums in the field have it.
   */
  let bare = false;
  let depth = 0;
  /** Depth at which a pointer's target is being printed, to recognise a cycle. */
  const shown = new Map<unknown, number>();

  function visit(type: GoType, value: unknown): void {
    if (type.kind === 'pointer') visitPointer(type, value);
    else if (type.kind === 'interface') visitInterface(type, value as Dynamic | null);
    else {
      if (!bare) out.push('(', type.name, ')');
      bare = false;
      visitValue(type, value);
    }
  }

  function visitPointer(type: GoType, value: unknown): void {
    if (value === null && bare) {
      out.push('<nil>');
      return;
    }
    for (const [target, at] of shown) if (at >= depth) shown.delete(target);
    let levels = 0;
    let at: GoType = type;
    let target = value;
    let cycle = false;
    while (at.kind === 'pointer' && target !== null) {
      cycle = shown.has(target);
      if (cycle) break;
      if (typeof target === 'object') shown.set(target, depth);
      at = at.element;
      if (at.kind === 'pointer') target = (target as Pointer<unknown>).to;
      levels++;
    }
    const ended = target === null || cycle;
    if (bare) out.push('<', '*'.repeat(levels + (ended ? stars(at.name) : 0)), '>');
    else out.push('(', '*'.repeat(levels), at.name, ')');
    if (target === null) out.push('<nil>');
    else if (cycle) out.push('<shown>');
    else {
      bare = true;
      visit(at, target);
    }
  }

  function visitInterface(type: GoType, value: Dynamic | null): void {
    bare = false;
    if (value === null) out.push('(', type.name, ')<nil>');
    else visit(value.type, value.of);
  }

  function visitValue(type: GoType, value: unknown): void {
    depth++;
    switch (type.kind) {
      case 'bytes':
        out.push(value === null ? '<nil>' : byteList(value as Uint8Array));
        break;
      case 'float32':
      case 'float64':
        out.push(goFloat(value as number, type.kind === 'float32'));
        break;
      case 'slice':
      case 'array':
        visitList(type.element, value as unknown[] | null);
        break;
      case 'map':
        visitMap(type.key, type.element, value as Map<unknown, unknown> | null);
        break;
      case 'struct':
        visitStruct(type, value as Struct);
        break;
      default:
        out.push(String(value));
    }
    depth--;
  }

  function visitList(element: GoType, list: unknown[] | null): void {
    if (list === null) {
      out.push('<nil>');
      return;
    }
    out.push('[');
    list.forEach((entry, i) => {
      if (i > 0) out.push(' ');
      bare = true;
      visit(element, entry);
    });
    out.push(']');
  }

  function visitMap(key: GoType, element: GoType, map: Map<unknown, unknown> | null): void {
    if (map === null) {
      out.push('<nil>');
      return;
    }
    out.push('map[');
    sortedKeys(key, map).forEach((name, i) => {
      if (i > 0) out.push(' ');
      bare = true;
      visit(key, name);
      out.push(':');
      bare = true;
      visit(element, map.get(name));
    });
    out.push(']');
  }

  function visitStruct(type: GoType & { kind: 'struct' }, value: Struct): void {
    out.push('{');
    type.fields.forEach((field, i) => {
      if (i > 0) out.push(' ');
      out.push(field.name, ':');
      visit(fieldType(field), value[field.name]);
    });
    out.push('}');
  }

  visit(type, value);
  return out.join('');
}

const decimals = Array.from({ length: 256 }, (_, byte) => ` ${byte}`);

/** `[10 34 255]`; most of a large file is this. */
function byteList(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += decimals[bytes[i] as number];
  return `[${text.slice(1)}]`;
}

function stars(name: string): number {
  return name.split('*').length - 1;
}

/** Keys in Go's order: text by its UTF-8 bytes, numbers by size, everything else by its printed form. */
function sortedKeys(type: GoType, map: Map<unknown, unknown>): unknown[] {
  const keys = [...map.keys()];
  if (type.kind === 'int') return keys.sort((a, b) => ((a as bigint) < (b as bigint) ? -1 : 1));
  if (type.kind === 'bool') return keys.sort((a, b) => Number(a) - Number(b));
  if (type.kind === 'float32' || type.kind === 'float64') {
    return keys.sort((a, b) => (a as number) - (b as number));
  }
  if (type.kind === 'string') return (keys as string[]).sort(compareText);
  const text = new Map(keys.map((key) => [key, print(type, key)]));
  return keys.sort((a, b) => compareText(text.get(a) ?? '', text.get(b) ?? ''));
}

/** Order of two texts by their UTF-8 bytes, which is the order of their code points and not of UTF-16. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** Go's shortest form of a floating-point number (`strconv`'s 'g'). */
export function goFloat(value: number, single = false): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value < 0 ? '-Inf' : '+Inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [mantissa = '', power = '0'] = (single ? shortestSingle(value) : value.toExponential()).split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 6) {
    const sign = exponent < 0 ? '-' : '+';
    return `${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return plain(mantissa, exponent);
}

function shortestSingle(value: number): string {
  for (let digits = 0; digits < 9; digits++) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) === Math.fround(value)) return text;
  }
  return value.toExponential(9);
}

function plain(mantissa: string, exponent: number): string {
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace(/[-.]/g, '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const rest = digits.slice(exponent + 1);
  return rest ? `${sign}${whole}.${rest}` : `${sign}${whole}`;
}

/** The UTF-8 bytes of Go's printed form, which is what gets hashed. */
export function goSyntaxBytes<V>(type: GoType<V>, value: V): Uint8Array {
  return utf8(print(type, value));
}
