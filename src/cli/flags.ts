import { type FlagSpec, type Flags, UsageError } from './command.ts';
import { quote } from './output/escape.ts';

export interface ParsedFlags {
  values: Record<string, unknown>;
  given: Set<string>;
  args: string[];
}

/** Whether a flag stands alone: `--all`, not `--pid 7`. */
export function isSwitch(spec: FlagSpec): boolean {
  return spec.kind === 'bool';
}

export function defaultOf(spec: FlagSpec): unknown {
  switch (spec.kind) {
    case 'bool':
      return false;
    case 'string':
      return spec.default ?? '';
    case 'enum':
      return spec.default ?? spec.values[0];
    case 'stringArray':
      return [];
    default:
      return spec.default ?? 0;
  }
}

/**
 * Reads a command line as pflag does, which every Kubernetes user has in the fingers: flags and arguments in
 * any order, `--flag=value`, `--flag value`, `-p1`, `-p=1`, `-p 1`, switches in a row, `--` before arguments
 * that look like flags. The messages are pflag's.
 * @throws UsageError
 */
export function parseFlags(flags: Flags, words: readonly string[]): ParsedFlags {
  const parser = new FlagParser(flags, words);
  parser.run();
  return parser.result;
}

class FlagParser {
  readonly result: ParsedFlags;
  readonly #flags: Flags;
  readonly #words: readonly string[];
  readonly #byLetter = new Map<string, string>();
  #next = 0;

  constructor(flags: Flags, words: readonly string[]) {
    this.#flags = flags;
    this.#words = words;
    const values: Record<string, unknown> = {};
    for (const [name, spec] of Object.entries(flags)) {
      values[name] = defaultOf(spec);
      if (spec.short) this.#byLetter.set(spec.short, name);
    }
    this.result = { values, given: new Set(), args: [] };
  }

  run(): void {
    for (;;) {
      const word = this.#words[this.#next++];
      if (word === undefined) return;
      if (!word.startsWith('-') || word === '-') this.result.args.push(word);
      else if (word === '--') {
        this.result.args.push(...this.#words.slice(this.#next));
        return;
      } else if (word.startsWith('--')) this.#long(word);
      else this.#letters(word.slice(1));
    }
  }

  #long(word: string): void {
    const [, name = '', value] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === '' || name.startsWith('-')) throw new UsageError(`bad flag syntax: ${shown(word)}`);
    const spec = Object.hasOwn(this.#flags, name) ? this.#flags[name] : undefined;
    if (!spec) throw new UsageError(`unknown flag: --${shown(name)}`);
    if (value !== undefined) this.#set(name, spec, value);
    else if (isSwitch(spec)) this.#set(name, spec, 'true');
    else this.#set(name, spec, this.#following(`--${name}`));
  }

  #letters(letters: string): void {
    for (let rest = letters; rest !== ''; ) {
      const letter = String.fromCodePoint(rest.codePointAt(0) ?? 0);
      const place = `'${shown(letter)}' in -${shown(rest)}`;
      const name = this.#byLetter.get(letter);
      const spec = name === undefined ? undefined : this.#flags[name];
      if (name === undefined || !spec) throw new UsageError(`unknown shorthand flag: ${place}`);
      const after = rest.slice(letter.length);
      rest = '';
      if (after.length > 1 && after.startsWith('=')) this.#set(name, spec, after.slice(1));
      else if (isSwitch(spec)) {
        this.#set(name, spec, 'true');
        rest = after;
      } else this.#set(name, spec, after === '' ? this.#following(place) : after);
    }
  }

  #following(flag: string): string {
    const value = this.#words[this.#next++];
    if (value === undefined) throw new UsageError(`flag needs an argument: ${flag}`);
    return value;
  }

  #set(name: string, spec: FlagSpec, text: string): void {
    const result = readValue(spec, text);
    if ('wrong' in result) {
      const flag = spec.short ? `-${spec.short}, --${name}` : `--${name}`;
      throw new UsageError(`invalid argument ${quote(text)} for "${flag}" flag: ${result.wrong}`);
    }
    const { values, given } = this.result;
    if (spec.kind === 'stringArray') values[name] = [...(values[name] as string[]), text];
    else values[name] = result.value;
    given.add(name);
  }
}

function shown(text: string): string {
  return quote(text).slice(1, -1).replaceAll('\\"', '"').replaceAll('\\\\', '\\');
}

type Value = { value: unknown } | { wrong: string };

function readValue(spec: FlagSpec, text: string): Value {
  switch (spec.kind) {
    case 'bool':
      return boolean(text);
    case 'uint32':
      return integer('ParseUint', text, 0n, 2n ** 32n - 1n);
    case 'int':
    case 'int64':
      // Go's int has 64 bits; beyond 2^53 nothing here can be counted, so that is out of range.
      return integer('ParseInt', text, -(2n ** 53n) + 1n, 2n ** 53n - 1n);
    case 'float64': {
      const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
      return Number.isFinite(value) ? { value } : wrong('ParseFloat', text, 'invalid syntax');
    }
    case 'enum':
      if (spec.values.includes(text)) return { value: text };
      return { wrong: `must be one of ${spec.values.join(', ')}` };
    default:
      return { value: text };
  }
}

function wrong(reader: string, text: string, why: string): Value {
  return { wrong: `strconv.${reader}: parsing ${quote(text)}: ${why}` };
}

function boolean(text: string): Value {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return { value: true };
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return { value: false };
  return wrong('ParseBool', text, 'invalid syntax');
}

const literal = /^(0[xX](_?[0-9a-fA-F])+|0[bB](_?[01])+|0[oO](_?[0-7])+|0(_?[0-7])*|[1-9](_?[0-9])*)$/;

/** As Go's ParseInt with base 0: prefixes for other bases, underscores between digits. */
function integer(reader: string, text: string, min: bigint, max: bigint): Value {
  const signed = reader === 'ParseInt';
  const [, sign = '', digits = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if ((sign !== '' && !signed) || !literal.test(digits)) return wrong(reader, text, 'invalid syntax');
  const plain = digits.replaceAll('_', '').toLowerCase();
  const magnitude = BigInt(/^0[0-7]/.test(plain) ? `0o${plain.slice(1)}` : plain);
  const value = sign === '-' ? -magnitude : magnitude;
  return value < min || value > max ? wrong(reader, text, 'value out of range') : { value: Number(value) };
}
