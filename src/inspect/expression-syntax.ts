import { CodedError } from '../errors/coded-error.ts';
import { anyByte, type ByteSet, bothCases, byLetter, byName, inverse, setOf } from './byte-set.ts';

/** What must be true at a place, without a byte of its own. */
export type Assertion = 'text-start' | 'text-end' | 'line-start' | 'line-end' | 'word-edge' | 'inside';

/** A regular expression over bytes, read. */
export type ExpressionNode =
  | { readonly kind: 'set'; readonly set: ByteSet }
  | { readonly kind: 'assert'; readonly what: Assertion }
  | { readonly kind: 'sequence'; readonly parts: readonly ExpressionNode[] }
  | { readonly kind: 'choice'; readonly options: readonly ExpressionNode[] }
  | {
      readonly kind: 'repeat';
      readonly part: ExpressionNode;
      readonly min: number;
      /** Infinity where there is no limit. */
      readonly max: number;
      readonly greedy: boolean;
    };

/** As in Go: more repeats of one thing are refused, and so are parentheses deeper than this. */
const mostRepeats = 1000;
const deepest = 250;

interface Switches {
  readonly ignoreCase: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
}

/**
 * Reads an expression in the syntax of RE2, as Go and so checkpointctl have it, over bytes: a character stands for
 * the byte of its number. What cannot be matched in linear time is not in it: looking around, and referring back.
 * @throws CodedError `invalid-argument` in Go's words.
 */
export function parseExpression(source: string, ignoreCase: boolean): ExpressionNode {
  const parser = new ExpressionParser(source);
  const node = parser.choice({ ignoreCase, multiLine: false, dotAll: false }, 0);
  if (!parser.ended) throw refused('unexpected )', source);
  return node;
}

function refused(what: string, where: string): CodedError {
  return new CodedError('invalid-argument', `error parsing regexp: ${what}: \`${where}\``, {
    hint: 'expressions are those of RE2: nothing looks around or refers back; what is no byte cannot be searched for',
  });
}

class ExpressionParser {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  get ended(): boolean {
    return this.#at >= this.#source.length;
  }

  choice(switches: Switches, depth: number): ExpressionNode {
    if (depth > deepest) throw refused('expression nests too deeply', this.#source);
    const options: ExpressionNode[] = [];
    let now = switches;
    let parts: ExpressionNode[] = [];
    while (!this.ended && this.#peek() !== ')') {
      if (this.#take('|')) {
        options.push({ kind: 'sequence', parts });
        parts = [];
        continue;
      }
      const changed = this.#switchesHere(now);
      if (changed) now = changed;
      else parts.push(this.#repeated(now, depth));
    }
    options.push({ kind: 'sequence', parts });
    return options.length === 1 && options[0] ? options[0] : { kind: 'choice', options };
  }

  #peek(): string {
    return this.#source[this.#at] ?? '';
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (!found) return undefined;
    this.#at += found[0].length;
    return found;
  }

  /** `(?i)`: switches for the rest of the group. */
  #switchesHere(switches: Switches): Switches | undefined {
    const found = this.#match(/\(\?([ims]*)(?:-([ims]+))?\)/y);
    return found && switched(switches, found[1], found[2]);
  }

  #repeated(switches: Switches, depth: number): ExpressionNode {
    const from = this.#at;
    let node = this.#atom(switches, depth);
    for (let times = 0; ; times++) {
      const start = this.#at;
      const range = this.#repeatRange();
      if (!range) return node;
      const operator = this.#source.slice(start, this.#at);
      if (times > 0) throw refused('invalid nested repetition operator', operator);
      const [min, max] = range;
      if (min > mostRepeats || (max !== Number.POSITIVE_INFINITY && max > mostRepeats) || max < min) {
        throw refused('invalid repeat count', operator);
      }
      const greedy = !this.#take('?');
      if (node.kind === 'assert')
        throw refused('missing argument to repetition operator', this.#source.slice(from));
      node = { kind: 'repeat', part: node, min, max, greedy };
    }
  }

  #repeatRange(): readonly [min: number, max: number] | undefined {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#take('?')) return [0, 1];
    const found = this.#match(/\{(\d{1,9})(?:(,)(\d{1,9})?)?\}/y);
    if (!found) return undefined;
    const min = Number(found[1]);
    if (!found[2]) return [min, min];
    return [min, found[3] === undefined ? Number.POSITIVE_INFINITY : Number(found[3])];
  }

  #atom(switches: Switches, depth: number): ExpressionNode {
    const start = this.#at;
    const letter = this.#peek();
    if ('*+?'.includes(letter)) throw refused('missing argument to repetition operator', letter);
    if (letter === '[') return this.#class(switches);
    if (letter === '\\') return this.#escape(switches);
    this.#at++;
    if (letter === '(') return this.#group(switches, depth, start);
    if (letter === '.') return { kind: 'set', set: switches.dotAll ? anyByte : inverse(setOf(0x0a)) };
    if (letter === '^') return { kind: 'assert', what: switches.multiLine ? 'line-start' : 'text-start' };
    if (letter === '$') return { kind: 'assert', what: switches.multiLine ? 'line-end' : 'text-end' };
    return this.#byte(letter.charCodeAt(0), letter, switches);
  }

  #byte(value: number, written: string, { ignoreCase }: Switches): ExpressionNode {
    if (value > 0xff) throw refused('invalid escape sequence', written);
    const set = setOf(value);
    return { kind: 'set', set: ignoreCase ? bothCases(set) : set };
  }

  #group(switches: Switches, depth: number, start: number): ExpressionNode {
    let within = switches;
    if (this.#peek() === '?') {
      const found = this.#match(/\?(?:P?<[A-Za-z_]\w*>|([ims]*)(?:-([ims]+))?:)/y);
      if (!found) throw refused('invalid or unsupported Perl syntax', this.#source.slice(start, start + 4));
      within = switched(switches, found[1], found[2]);
    }
    const node = this.choice(within, depth + 1);
    if (!this.#take(')')) throw refused('missing closing )', this.#source);
    return node;
  }

  #escape(switches: Switches): ExpressionNode {
    if (this.#take('\\b')) return { kind: 'assert', what: 'word-edge' };
    if (this.#take('\\B')) return { kind: 'assert', what: 'inside' };
    if (this.#take('\\A')) return { kind: 'assert', what: 'text-start' };
    if (this.#take('\\z')) return { kind: 'assert', what: 'text-end' };
    const start = this.#at;
    const set = this.#escapedSet();
    if (set) return { kind: 'set', set };
    const value = this.#escapedByte();
    return this.#byte(value, this.#source.slice(start, this.#at), switches);
  }

  /** `\d` and its like. */
  #escapedSet(): ByteSet | undefined {
    const found = this.#match(/\\([dDsSwW])/y);
    return found && byLetter(found[1] ?? '');
  }

  #escapedByte(): number {
    const hex = this.#match(/\\(?:x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4}))/y);
    if (hex) return Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? '', 16);
    const octal = this.#match(/\\(0[0-7]{0,2}|[1-3][0-7]{2})/y);
    if (octal) return Number.parseInt(octal[1] ?? '', 8);
    const found = this.#match(/\\([aftnrv]|[^0-9A-Za-z])/sy);
    const [written, letter] = found ?? [this.#source.slice(this.#at, this.#at + 2)];
    if (letter !== undefined)
      return { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 }[letter] ?? letter.charCodeAt(0);
    throw refused(
      written === '\\' ? 'trailing backslash at end of expression' : 'invalid escape sequence',
      written,
    );
  }

  #class({ ignoreCase }: Switches): ExpressionNode {
    const start = this.#at;
    this.#at++;
    const negated = this.#take('^');
    const set = new Uint8Array(256);
    for (let first = true; first || this.#peek() !== ']'; first = false) {
      if (this.ended) throw refused('missing closing ]', this.#source.slice(start));
      const named = this.#namedSet() ?? this.#escapedSet();
      if (named) for (const [byte, there] of named.entries()) set[byte] = (set[byte] ?? 0) | there;
      else this.#range(set);
    }
    this.#at++;
    const folded = ignoreCase ? bothCases(set) : set;
    return { kind: 'set', set: negated ? inverse(folded) : folded };
  }

  /** `[:alpha:]` */
  #namedSet(): ByteSet | undefined {
    const found = this.#match(/\[:(\^?)(\w+):\]/y);
    if (!found) return undefined;
    const set = byName(found[2] ?? '');
    if (!set) throw refused('invalid character class range', found[0]);
    return found[1] ? inverse(set) : set;
  }

  #range(set: Uint8Array): void {
    const start = this.#at;
    const low = this.#classByte();
    const isRange = this.#peek() === '-' && this.#source[this.#at + 1] !== ']';
    if (isRange) this.#at++;
    const high = isRange ? this.#classByte() : low;
    const written = this.#source.slice(start, this.#at);
    if (high < low || high > 0xff) throw refused('invalid character class range', written);
    set.fill(1, low, high + 1);
  }

  #classByte(): number {
    if (this.#peek() === '\\') return this.#escapedByte();
    if (this.ended) throw refused('missing closing ]', this.#source);
    return this.#source.charCodeAt(this.#at++);
  }
}

function switched(before: Switches, on = '', off = ''): Switches {
  const decide = (letter: string, was: boolean): boolean =>
    on.includes(letter) || (was && !off.includes(letter));
  return {
    ignoreCase: decide('i', before.ignoreCase),
    multiLine: decide('m', before.multiLine),
    dotAll: decide('s', before.dotAll),
  };
}
