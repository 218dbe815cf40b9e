import { utf8 } from '../bytes/text.ts';
import { CodedError } from '../errors/coded-error.ts';
import { LinearExpression } from './linear-expression.ts';

/** What to look for in memory. */
export type PatternSpec =
  | { readonly kind: 'literal'; readonly text: string; readonly ignoreCase?: boolean }
  /** Text as UTF-16, low byte first: what Java, JavaScript and Windows programs hold. */
  | { readonly kind: 'utf16'; readonly text: string; readonly ignoreCase?: boolean }
  /** Pairs of hexadecimal digits, `??` for any byte: `de ad ?? ef`. */
  | { readonly kind: 'hex'; readonly text: string }
  /** A regular expression over bytes, in the syntax of RE2: each byte is the character of its number. */
  | { readonly kind: 'regex'; readonly source: string; readonly ignoreCase?: boolean };

/** Where a pattern was found, within the bytes that were searched. */
export interface Match {
  readonly at: number;
  readonly length: number;
}

/** Finds one pattern, over and over. */
export interface ByteFinder {
  /** The longest match it can have; what is longer may be missed where it crosses the edge of a piece. */
  readonly longest: number;
  /** The first match that starts at `from` or later. `text` gives the same bytes as characters. */
  find(bytes: Uint8Array, from: number, text: () => string): Match | undefined;
}

/** Matches of regular expressions are looked for over at most this many bytes. */
const longestExpression = 8192;

/** @throws CodedError `invalid-argument` for a pattern that is empty or malformed */
export function compilePattern(spec: PatternSpec): ByteFinder {
  switch (spec.kind) {
    case 'literal':
      return ofBytes(utf8(spec.text), spec.ignoreCase ?? false);
    case 'utf16':
      return ofBytes(utf16(spec.text), spec.ignoreCase ?? false);
    case 'hex':
      return ofHex(spec.text);
    case 'regex':
      return linear(spec.source, spec.ignoreCase ?? false);
  }
}

function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < text.length; at++) view.setUint16(at * 2, text.charCodeAt(at), true);
  return bytes;
}

function ofBytes(bytes: Uint8Array, ignoreCase: boolean): ByteFinder {
  if (bytes.length === 0) throw new CodedError('invalid-argument', 'the pattern to search for is empty');
  return ignoreCase
    ? ofExpression(Array.from(bytes, escapeByte).join(''), true, bytes.length)
    : literal(bytes);
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

function ofHex(text: string): ByteFinder {
  const pairs: readonly string[] = text.replace(/[\s:]/g, '').match(/..?/g) ?? [];
  const fine = pairs.every((pair) => /^([0-9a-f]{2}|\?\?)$/i.test(pair));
  if (pairs.length === 0 || !fine || pairs.every((pair) => pair === '??')) {
    throw new CodedError(
      'invalid-argument',
      `${JSON.stringify(text)} is no pattern of bytes like "de ad ?? ef"`,
    );
  }
  if (!pairs.includes('??')) return literal(Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16)));
  return ofExpression(
    pairs.map((pair) => (pair === '??' ? '[^]' : `\\x${pair}`)).join(''),
    false,
    pairs.length,
  );
}

/** How often a byte turns up in memory, roughly: zeros, then text, then the rest. */
function commonness(byte: number): number {
  if (byte === 0) return 4;
  if (byte === 0xff || byte === 0x20 || byte === 1) return 3;
  if ('etaoinsrhld'.includes(String.fromCharCode(byte))) return 2;
  return byte >= 0x30 && byte < 0x7f ? 1 : 0;
}

/** Looks for the rarest byte with what the platform is fastest at, then at its surroundings. */
function literal(pattern: Uint8Array): ByteFinder {
  let rare = 0;
  for (let at = 1; at < pattern.length; at++) {
    if (commonness(pattern[at] ?? 0) < commonness(pattern[rare] ?? 0)) rare = at;
  }
  const anchor = pattern[rare] ?? 0;
  return {
    longest: pattern.length,
    find(bytes, from) {
      const last = bytes.length - pattern.length + rare;
      for (
        let at = bytes.indexOf(anchor, from + rare);
        at >= 0 && at <= last;
        at = bytes.indexOf(anchor, at + 1)
      ) {
        if (equalAt(bytes, at - rare, pattern)) return { at: at - rare, length: pattern.length };
      }
      return undefined;
    },
  };
}

function equalAt(bytes: Uint8Array, at: number, pattern: Uint8Array): boolean {
  for (let index = 0; index < pattern.length; index++) if (bytes[at + index] !== pattern[index]) return false;
  return true;
}

/** An expression that somebody gives: no memory makes it slow. */
function linear(source: string, ignoreCase: boolean): ByteFinder {
  const expression = new LinearExpression(source, { ignoreCase, longest: longestExpression });
  return { longest: longestExpression, find: (bytes, from) => expression.find(bytes, from) };
}

/**
 * An expression written in this program, whose repeats are all bounded, by the platform: it has to try one way after
 * the other, and is several times faster where little looks like a match.
 */
export function ofExpression(source: string, ignoreCase = false, longest = longestExpression): ByteFinder {
  const expression = new RegExp(source, ignoreCase ? 'gi' : 'g');
  return {
    longest,
    find(_bytes, from, text) {
      expression.lastIndex = from;
      const found = expression.exec(text());
      return found ? { at: found.index, length: found[0].length } : undefined;
    },
  };
}
