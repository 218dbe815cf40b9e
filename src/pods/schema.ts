/**
 * A strict reader of foreign structured data: each field that is not named is refused by its path. What is
 * wrong is collected, so that one look shows everything.
 */
export interface Problem {
  /** `spec.containers[0].image` */
  path: string;
  message: string;
}

export class Reading {
  readonly problems: Problem[] = [];

  refuse(path: string, message: string): undefined {
    this.problems.push({ path, message });
    return undefined;
  }
}

/** Takes a value that is there (neither absent nor null); undefined where it has been refused. */
export type Field<T> = (value: unknown, path: string, reading: Reading) => T | undefined;

export const text: Field<string> = (value, path, reading) =>
  typeof value === 'string' ? value : reading.refuse(path, 'is not a text');

export const flag: Field<boolean> = (value, path, reading) =>
  typeof value === 'boolean' ? value : reading.refuse(path, 'is not true or false');

export function integer(from: number, to: number): Field<number> {
  return (value, path, reading) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to) return value;
    return reading.refuse(path, `is not a whole number from ${from} to ${to}`);
  };
}

export function oneOf<const T extends string>(...known: readonly T[]): Field<T> {
  return (value, path, reading) =>
    known.find((item) => item === value) ??
    reading.refuse(path, `is ${shown(value)}, known here: ${known.map((item) => `"${item}"`).join(', ')}`);
}

export function matching(pattern: RegExp, most: number, what: string): Field<string> {
  return (value, path, reading) =>
    typeof value === 'string' && value.length <= most && pattern.test(value)
      ? value
      : reading.refuse(path, `is ${shown(value)}, which is not ${what}`);
}

export function listOf<T>(item: Field<T>, most = 1000): Field<T[]> {
  return (value, path, reading) => {
    if (!Array.isArray(value)) return reading.refuse(path, 'is not a list');
    if (value.length > most) return reading.refuse(path, `has more than ${most} items`);
    return value.flatMap((one: unknown, index) => item(one, `${path}[${index}]`, reading) ?? []);
  };
}

export function mapOf<T>(item: Field<T>, most = 1000): Field<Record<string, T>> {
  return (value, path, reading) => {
    if (!isRecord(value)) return reading.refuse(path, 'is not a map');
    const entries = Object.entries(value);
    if (entries.length > most) return reading.refuse(path, `has more than ${most} members`);
    const taken = entries.flatMap(([key, one]) => {
      const read = item(one, `${path}[${JSON.stringify(key)}]`, reading);
      return read === undefined ? [] : [[key, read] as const];
    });
    return Object.fromEntries(taken);
  };
}

/** A value of a map that may be null. */
export function nullOr<T>(item: Field<T>): Field<T | null> {
  return (value, path, reading) => (value === null ? null : item(value, path, reading));
}

/** Accepted because it changes nothing here; says why in the code that lists it. */
export function meaningless(): Field<never> {
  return () => undefined;
}

type Fields = Record<string, Field<unknown>>;
type Read<F extends Fields> = { [K in keyof F]?: F[K] extends Field<infer T> ? T : never };

/** An object with exactly these members, each of which may be absent; `required` ones may not. */
export function object<F extends Fields, R extends keyof F & string = never>(
  fields: F,
  required: readonly R[] = [],
): Field<Omit<Read<F>, R> & Required<Pick<Read<F>, R>>> {
  return (value, path, reading) => {
    if (!isRecord(value)) return reading.refuse(path, 'is not a map');
    const before = reading.problems.length;
    const result: Record<string, unknown> = {};
    for (const [key, member] of Object.entries(value)) {
      const at = path === '' ? key : `${path}.${key}`;
      const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
      if (member === null || member === undefined) continue;
      if (!field) reading.refuse(at, 'is not supported here');
      else {
        const read = field(member, at, reading);
        if (read !== undefined) result[key] = read;
      }
    }
    for (const key of required) {
      if (value[key] === undefined || value[key] === null) {
        reading.refuse(path === '' ? key : `${path}.${key}`, 'is missing');
      }
    }
    if (reading.problems.length > before) return undefined;
    return result as Omit<Read<F>, R> & Required<Pick<Read<F>, R>>;
  };
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
