import { utf8 } from '../bytes/text.ts';
import { encodeBase64 } from './base64.ts';
import { compareText } from './go-syntax.ts';
import type { Dynamic, GoType, Pointer } from './go-type.ts';
import { membersOf } from './members.ts';

export interface EncodeOptions {
  /** Before Go 1.22 (Kubernetes 1.30) backspace and form feed were written as \u0008 and \u000c. */
  shortEscapes?: boolean;
}

/** The value as Go's `encoding/json` writes it: no spaces, fields in order, keys sorted as text. */
export function encodeJson<V>(
  type: GoType<V>,
  value: V,
  options: EncodeOptions = {},
): Uint8Array<ArrayBuffer> {
  return utf8(encodeJsonText(type, value, options));
}

/** {@link encodeJson} as text. */
export function encodeJsonText<V>(type: GoType<V>, value: V, options: EncodeOptions = {}): string {
  const out: string[] = [];
  write(type, value, out, options);
  return out.join('');
}

function write(type: GoType, value: unknown, out: string[], options: EncodeOptions): void {
  if (type.kind === 'struct') {
    if (type.json) out.push(type.json.encode(value));
    else writeStruct(type, value as Record<string, unknown>, out, options);
    return;
  }
  if (value === null) {
    out.push('null');
    return;
  }
  switch (type.kind) {
    case 'string':
      out.push(goString(value as string, options));
      break;
    case 'bytes':
      out.push('"', encodeBase64(value as Uint8Array), '"');
      break;
    case 'slice':
    case 'array':
      writeList(type.element, value as unknown[], out, options);
      break;
    case 'map':
      writeMap(type, value as Map<unknown, unknown>, out, options);
      break;
    case 'pointer':
      write(
        type.element,
        type.element.kind === 'pointer' ? (value as Pointer<unknown>).to : value,
        out,
        options,
      );
      break;
    case 'interface':
      write((value as Dynamic).type, (value as Dynamic).of, out, options);
      break;
    default:
      out.push(Object.is(value, -0) ? '-0' : String(value));
  }
}

function writeStruct(
  type: GoType & { kind: 'struct' },
  value: Record<string, unknown>,
  out: string[],
  options: EncodeOptions,
): void {
  let separator = '{';
  for (const member of membersOf(type).list) {
    let holder = value;
    for (const step of member.through) holder = holder[step] as Record<string, unknown>;
    const inner = holder[member.field];
    if (member.omitEmpty && isEmpty(member.type, inner)) continue;
    out.push(separator, goString(member.json, options), ':');
    write(member.type, inner, out, options);
    separator = ',';
  }
  out.push(separator === '{' ? '{}' : '}');
}

function writeList(element: GoType, list: readonly unknown[], out: string[], options: EncodeOptions): void {
  out.push('[');
  list.forEach((entry, i) => {
    if (i > 0) out.push(',');
    write(element, entry, out, options);
  });
  out.push(']');
}

function writeMap(
  type: GoType & { kind: 'map' },
  map: Map<unknown, unknown>,
  out: string[],
  options: EncodeOptions,
): void {
  const entries = [...map].map(([key, value]) => [String(key), value] as const);
  entries.sort(([a], [b]) => compareText(a, b));
  out.push('{');
  entries.forEach(([key, value], i) => {
    if (i > 0) out.push(',');
    out.push(goString(key, options), ':');
    write(type.element, value, out, options);
  });
  out.push('}');
}

function isEmpty(type: GoType, value: unknown): boolean {
  if (value === null || value === false || value === '') return true;
  if (type.kind === 'map') return (value as Map<unknown, unknown>).size === 0;
  if (type.kind === 'slice' || type.kind === 'array' || type.kind === 'bytes') {
    return (value as ArrayLike<unknown>).length === 0;
  }
  return (type.kind === 'int' || type.kind === 'float64' || type.kind === 'float32') && Number(value) === 0;
}

/** A string as Go writes it in JSON: also what HTML would take for markup is escaped. */
export function goString(text: string, options: EncodeOptions = {}): string {
  const escaped = text.toWellFormed().replace(/["\\\0-\x1f<>&\u2028\u2029]/g, (character) => {
    switch (character) {
      case '"':
      case '\\':
        return `\\${character}`;
      case '\n':
        return '\\n';
      case '\r':
        return '\\r';
      case '\t':
        return '\\t';
      case '\b':
        return options.shortEscapes === false ? '\\u0008' : '\\b';
      case '\f':
        return options.shortEscapes === false ? '\\u000c' : '\\f';
      default:
        return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
    }
  });
  return `"${escaped}"`;
}
