import { fieldType, type GoType } from './go-type.ts';

/** One member of a struct's JSON object, and where it goes. */
export interface Member {
  readonly json: string;
  readonly field: string;
  /** Embedded structs on the way to the field, outermost first. */
  readonly through: readonly string[];
  readonly type: GoType;
  readonly omitEmpty: boolean;
}

export interface Members {
  readonly list: readonly Member[];
  /** The member for a name in JSON: the exact one, else one that differs only in case. */
  find(name: string): Member | undefined;
}

const known = new WeakMap<object, Members>();

/** The JSON members of a struct in the order in which Go writes them. */
export function membersOf(type: GoType & { kind: 'struct' }): Members {
  const before = known.get(type);
  if (before) return before;
  const list = collect(type, []);
  const exact = new Map(list.map((member) => [member.json, member]));
  const folded = new Map<string, Member>();
  for (const member of list) {
    const key = fold(member.json);
    if (!folded.has(key)) folded.set(key, member);
  }
  const members: Members = { list, find: (name) => exact.get(name) ?? folded.get(fold(name)) };
  known.set(type, members);
  return members;
}

function collect(type: GoType & { kind: 'struct' }, through: readonly string[]): Member[] {
  const list: Member[] = [];
  for (const field of type.fields) {
    if (field.json === undefined) continue;
    const inner = fieldType(field);
    if (field.inline && inner.kind === 'struct') list.push(...collect(inner, [...through, field.name]));
    else
      list.push({
        json: field.json,
        field: field.name,
        through,
        type: inner,
        omitEmpty: field.omitEmpty,
      });
  }
  return list;
}

/** Unicode's simple folding as far as one character stays one: also the long s and the Kelvin sign. */
export function fold(name: string): string {
  let out = '';
  for (const character of name) {
    const upper = character.toLowerCase().toUpperCase();
    out += upper.length === character.length ? upper : character;
  }
  return out;
}
