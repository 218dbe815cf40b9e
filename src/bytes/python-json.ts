/** A value that JSON can hold, with whole numbers of any size. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/**
 * `value` in the form in which Python's `json.dump` writes it: ASCII alone, a blank after commas and colons
 * or, with `indent`, each member on a line of its own.
 */
export function pythonJson(value: JsonValue, indent?: number): string {
  const pieces: string[] = [];
  write(value, indent, 0, pieces);
  return pieces.join('');
}

function write(value: JsonValue, indent: number | undefined, depth: number, out: string[]): void {
  if (typeof value === 'string') out.push(pythonText(value));
  else if (value === null || typeof value !== 'object') out.push(String(value));
  else if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    writeMembers('[', ']', items, indent, depth, out, (item) => write(item, indent, depth + 1, out));
  } else {
    const members = Object.entries(value as { readonly [key: string]: JsonValue });
    writeMembers('{', '}', members, indent, depth, out, ([key, member]) => {
      out.push(pythonText(key), ': ');
      write(member, indent, depth + 1, out);
    });
  }
}

function writeMembers<T>(
  open: string,
  close: string,
  members: readonly T[],
  indent: number | undefined,
  depth: number,
  out: string[],
  writeOne: (member: T) => void,
): void {
  out.push(open);
  const line = (level: number): string => `\n${' '.repeat((indent ?? 0) * level)}`;
  for (const [at, member] of members.entries()) {
    if (indent === undefined) out.push(at > 0 ? ', ' : '');
    else out.push(at > 0 ? ',' : '', line(depth + 1));
    writeOne(member);
  }
  if (indent !== undefined && members.length > 0) out.push(line(depth));
  out.push(close);
}

function pythonText(text: string): string {
  // JSON.stringify escapes lone surrogates itself, in small letters, as Python does.
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, escapeUnit);
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** The value in JSON text; whole numbers that a double cannot hold become bigint. @throws SyntaxError */
export function parseWideJson(text: string): JsonValue {
  const revive = (_key: string, value: unknown, context?: { source?: string }): unknown => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    return /^-?\d+$/.test(context?.source ?? '') ? BigInt(context?.source ?? '') : value;
  };
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown) as JsonValue;
}
