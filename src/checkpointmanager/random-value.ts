import { fieldType, type GoType } from './go-type.ts';

/** A number from 0 up to, not including, 1. The same seed must give the same ones, or no failure can be repeated. */
export type Random = () => number;

/** A small generator (mulberry32) for tests: the same numbers for the same seed. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Characters that are apt to go wrong: escaped, beyond ASCII, beyond 16 bits, separators of Go's printed form. */
const characters = [
  'a',
  'Z',
  '0',
  '-',
  ' ',
  '"',
  '\\',
  '<',
  '&',
  '\n',
  '\u2028',
  'é',
  '\uffff',
  '\u{1f600}',
  ':',
  ']',
  '}',
];

/** Deepest level at which maps and lists still get entries; types may contain themselves. */
const deepest = 6;

/**
 * Some value of a type: empty and nil as well as filled, numbers up to their limits, awkward text. Structs with
 * methods of their own get the value that `custom` gives, or that of an absent member.
 */
export function randomValue<V>(
  type: GoType<V>,
  random: Random,
  custom?: (type: GoType, random: Random) => unknown,
): V {
  const below = (limit: number): number => Math.floor(random() * limit);
  const text = (): string =>
    Array.from({ length: below(6) }, () => characters[below(characters.length)]).join('');
  const many = <T>(depth: number, make: () => T): T[] =>
    Array.from({ length: depth > deepest ? 0 : below(4) }, make);

  function value(at: GoType, depth: number): unknown {
    switch (at.kind) {
      case 'bool':
        return random() < 0.5;
      case 'string':
        return text();
      case 'int':
        return integer(at.bits, at.signed, random);
      case 'float32':
      case 'float64':
        return Math.fround((random() - 0.5) * 10 ** below(20));
      case 'bytes':
        return random() < 0.2 ? null : Uint8Array.from({ length: below(9) }, () => below(256));
      case 'slice':
        return random() < 0.2 ? null : many(depth, () => value(at.element, depth + 1));
      case 'array':
        return Array.from({ length: at.length }, () => value(at.element, depth + 1));
      case 'map':
        if (random() < 0.2) return null;
        return new Map(many(depth, () => [value(at.key, depth + 1), value(at.element, depth + 1)]));
      case 'pointer':
        return random() < 0.2 || depth > deepest ? null : value(at.element, depth + 1);
      case 'interface':
        return null;
      case 'struct':
        if (at.json && custom) return custom(at, random);
        return Object.fromEntries(at.fields.map((each) => [each.name, value(fieldType(each), depth + 1)]));
    }
  }
  return value(type, 0) as V;
}

function integer(bits: number, signed: boolean, random: Random): bigint {
  const limit = 1n << BigInt(signed ? bits - 1 : bits);
  const edge = random();
  if (edge < 0.1) return limit - 1n;
  if (edge < 0.2) return signed ? -limit : 0n;
  const size = BigInt(Math.floor(random() * 2 ** Math.min(bits, 53) * random()));
  return size % limit;
}
