/**
 * Go types as data. A checkpoint's checksum covers Go's printed form of the value, type names included, so a
 * reader must know the types by the names they have in Go.
 *
 * Values in TypeScript: every integer is a bigint (sizes above 2^53 occur), a map is a Map, a nil map, slice,
 * pointer or interface is null, a struct is an object with Go's field names, []byte is a Uint8Array. A pointer
 * is written as what it points to; a pointer to a pointer as `{ to }`.
 */
export type GoType<V = unknown> = { readonly value?: V } & (
  | {
      readonly kind: 'bool' | 'string' | 'float64' | 'float32' | 'interface' | 'bytes';
      readonly name: string;
    }
  | { readonly kind: 'int'; readonly name: string; readonly bits: number; readonly signed: boolean }
  | { readonly kind: 'slice'; readonly name: string; readonly element: GoType }
  | { readonly kind: 'array'; readonly name: string; readonly element: GoType; readonly length: number }
  | { readonly kind: 'map'; readonly name: string; readonly key: GoType; readonly element: GoType }
  | { readonly kind: 'pointer'; readonly name: string; readonly element: GoType }
  | {
      readonly kind: 'struct';
      readonly name: string;
      readonly fields: readonly GoField[];
      readonly json: GoJson | undefined;
    }
);

/** The TypeScript shape of a value of a Go type. */
export type ValueOf<T> = T extends GoType<infer V> ? V : never;

export interface GoField {
  readonly name: string;
  /** A function where a type contains itself. */
  readonly type: GoType | (() => GoType);
  /** Name in JSON; undefined when Go's encoder and decoder skip the field. */
  readonly json: string | undefined;
  readonly omitEmpty: boolean;
  /** An embedded struct without a JSON name of its own: its members stand among those of the outer one. */
  readonly inline: boolean;
}

/** How a type reads and writes itself, for those that bring their own methods (a quantity, a time). */
export interface GoJson {
  /** `token` is the value's text in JSON. Throw an Error with Go's words to refuse it. */
  decode(token: string, existing: unknown): unknown;
  /** The value's text in JSON. */
  encode(value: unknown): string;
}

/** A value in a Go interface carries its type with it. */
export interface Dynamic {
  type: GoType;
  of: unknown;
}

/** A pointer that is pointed to. */
export interface Pointer<V> {
  to: V;
}

interface FieldOptions {
  json?: string;
  omitEmpty?: boolean;
  inline?: boolean;
}

/** A field's type with its tag. */
export interface Field<V = unknown> extends FieldOptions {
  readonly type: GoType<V> | (() => GoType<V>);
}

type FieldOf<F> = F extends Field<infer V> ? V : F extends GoType<infer V> ? V : never;

export const bool: GoType<boolean> = { kind: 'bool', name: 'bool' };
export const string: GoType<string> = { kind: 'string', name: 'string' };
export const int: GoType<bigint> = integer('int', 64, true);
export const int32: GoType<bigint> = integer('int32', 32, true);
export const int64: GoType<bigint> = integer('int64', 64, true);
export const uint16: GoType<bigint> = integer('uint16', 16, false);
export const uint64: GoType<bigint> = integer('uint64', 64, false);
export const float64: GoType<number> = { kind: 'float64', name: 'float64' };
export const float32: GoType<number> = { kind: 'float32', name: 'float32' };
export const any: GoType<Dynamic | null> = { kind: 'interface', name: 'interface {}' };
/** An interface type with a name of its own. */
export function interfaceNamed(name: string): GoType<Dynamic | null> {
  return { kind: 'interface', name };
}
export const bytes: GoType<Uint8Array | null> = { kind: 'bytes', name: '[]uint8' };

export function integer(name: string, bits: number, signed: boolean): GoType<bigint> {
  return { kind: 'int', name, bits, signed };
}

/** `type Name Base`: the same values under another name. */
export function named<V>(name: string, base: GoType<V>): GoType<V> {
  return { ...base, name };
}

export function slice<V>(element: GoType<V>): GoType<V[] | null> {
  return { kind: 'slice', name: `[]${element.name}`, element };
}

export function array<V>(element: GoType<V>, length: number): GoType<V[]> {
  return { kind: 'array', name: `[${length}]${element.name}`, element, length };
}

export function map<K, V>(key: GoType<K>, element: GoType<V>): GoType<Map<K, V> | null> {
  return { kind: 'map', name: `map[${key.name}]${element.name}`, key, element };
}

export function pointer<V>(element: GoType<V>): GoType<V | null> {
  return { kind: 'pointer', name: `*${element.name}`, element };
}

/** `**T`. */
export function pointerTo<V>(element: GoType<V>): GoType<Pointer<V> | null> {
  return { kind: 'pointer', name: `*${element.name}`, element };
}

/**
 * A struct with its fields in Go's order. A field is a type (then its JSON name is its own) or a type with a
 * tag; a field that starts with a small letter is printed but is not in JSON.
 */
export function struct<F extends Record<string, GoType | Field>>(
  name: string,
  fields: F,
  json?: GoJson,
): GoType<{ [K in keyof F]: FieldOf<F[K]> }> {
  const list = Object.entries(fields).map(([field, entry]): GoField => {
    const tagged: Field = 'kind' in entry ? { type: entry } : entry;
    const exported = /^\p{Lu}/u.test(field);
    return {
      name: field,
      type: tagged.type,
      json: exported ? (tagged.json ?? field) : undefined,
      omitEmpty: tagged.omitEmpty ?? false,
      inline: tagged.inline ?? false,
    };
  });
  return { kind: 'struct', name, fields: list, json };
}

/** A field with Go's `json:"name"` or `json:"name,omitempty"` tag. */
export function tag<V>(json: string, type: GoType<V> | (() => GoType<V>), omit?: 'omitempty'): Field<V> {
  return { type, json, omitEmpty: omit === 'omitempty' };
}

/** An embedded struct: `json:",inline"`. */
export function inline<V>(type: GoType<V>): Field<V> {
  return { type, inline: true };
}

export function fieldType(field: GoField): GoType {
  return typeof field.type === 'function' ? field.type() : field.type;
}

/** Go's zero value of a type. */
export function zero(type: GoType): unknown {
  switch (type.kind) {
    case 'bool':
      return false;
    case 'string':
      return '';
    case 'int':
      return 0n;
    case 'float32':
    case 'float64':
      return 0;
    case 'array':
      return Array.from({ length: type.length }, () => zero(type.element));
    case 'struct':
      return Object.fromEntries(type.fields.map((field) => [field.name, zero(fieldType(field))]));
    default:
      return null;
  }
}
