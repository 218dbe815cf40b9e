import { type Json, type JsonObject, parseGoJson } from '../bytes/go-json.ts';
import { textOf } from '../bytes/text.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import type { Checkpoint } from './checkpoint.ts';

/** The most that `config.dump`, `spec.dump` and their like may be. */
const dumpLimit = 16 << 20;

/**
 * A JSON member whose top is an object, for what is text in it: numbers may lose their spelling.
 * @throws CodedError in the words of checkpointctl, which names the file in its temporary directory where we
 *   name the member: `not-found`, `corrupt`.
 */
export async function readDump(
  checkpoint: Checkpoint,
  name: string,
  signal?: AbortSignal,
): Promise<JsonObject> {
  const value = await readDumpIfPresent(checkpoint, name, signal);
  if (value) return value;
  throw new CodedError('not-found', `open ${name}: no such file or directory in ${checkpoint.origin}`, {
    data: { name },
  });
}

/** As {@link readDump}, but undefined where there is no such member or it says `null`. */
export async function readDumpIfPresent(
  checkpoint: Checkpoint,
  name: string,
  signal?: AbortSignal,
): Promise<JsonObject | undefined> {
  if (!(await checkpoint.find(name, signal))) return undefined;
  return parseDump(await checkpoint.read(name, { limit: dumpLimit, signal }), name);
}

/** What {@link readDumpIfPresent} makes of the bytes of the member `name`. */
export function parseDump(bytes: Uint8Array, name: string): JsonObject | undefined {
  let value: Json;
  try {
    value = parseText(bytes);
  } catch (error) {
    throw new CodedError('corrupt', `failed to unmarshal ${name}: ${messageOf(error)}`, { cause: error });
  }
  if (value === null) return undefined;
  if (value instanceof Map) return value;
  throw unmarshal(name, value, '', 'object');
}

/** Deeper than any dump; what is, is left to the reader that says so in Go's words. */
const usualDepth = 64;

/**
 * The platform's own reader is many times faster, above all in the first milliseconds of a program. It keeps
 * everything but the spelling of numbers, which nobody asks of a dump, and the order of names that look like
 * numbers; where those or anything that is wrong turn up, the exact reader decides.
 */
function parseText(bytes: Uint8Array): Json {
  try {
    const value = exactly(JSON.parse(textOf(bytes)), 0);
    if (value !== undefined) return value;
  } catch {
    // The exact reader says what is wrong.
  }
  return parseGoJson(bytes);
}

/** `value` as {@link parseGoJson} gives it; undefined where that one has to read it. */
function exactly(value: unknown, depth: number): Json | undefined {
  if (typeof value !== 'object' || value === null) return value as Json;
  if (depth > usualDepth) return undefined;
  if (Array.isArray(value)) return itemsOf(value, depth);
  const members: JsonObject = new Map();
  const object = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(object)) {
    const first = name.charCodeAt(0);
    if (first >= 0x30 && first <= 0x39) return undefined;
    const member = exactly(object[name], depth + 1);
    if (member === undefined) return undefined;
    members.set(name, member);
  }
  return members;
}

function itemsOf(values: readonly unknown[], depth: number): Json[] | undefined {
  const items: Json[] = [];
  for (const value of values) {
    const item = exactly(value, depth + 1);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}

/** The text of a member of `object`; empty where it is absent or null. */
export function textIn(object: JsonObject, key: string, name: string): string {
  const value = object.get(key) ?? null;
  if (value === null) return '';
  if (typeof value === 'string') return value;
  throw unmarshal(name, value, key, 'string');
}

/** The object under a key; empty where it is absent or null. */
export function objectIn(object: JsonObject, key: string, name: string): JsonObject {
  const value = object.get(key) ?? null;
  if (value === null) return new Map();
  if (value instanceof Map) return value;
  throw unmarshal(name, value, key, 'object');
}

function unmarshal(name: string, found: Json, key: string, wanted: string): CodedError {
  const kind = Array.isArray(found)
    ? 'array'
    : found instanceof Map
      ? 'object'
      : typeof found === 'boolean'
        ? 'bool'
        : typeof found === 'string'
          ? 'string'
          : 'number';
  const where = key === '' ? 'value' : `struct field ${key}`;
  return new CodedError(
    'corrupt',
    `failed to unmarshal ${name}: json: cannot unmarshal ${kind} into Go ${where} of type ${wanted}`,
  );
}

/**
 * A time as Go prints it in RFC 3339 with seconds, from the text that Go wrote with nanoseconds. Go's zero time
 * stands for what is absent.
 */
export function goTime(text: string, name: string): string {
  if (text === '') return zeroTime;
  const match =
    /^(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:[.,]\d+)?(Z|[+-]\d{2}:\d{2})$/.exec(
      text,
    );
  if (match?.[1] && match[2]) return match[1] + (/^[+-]00:00$/.test(match[2]) ? 'Z' : match[2]);
  throw new CodedError(
    'corrupt',
    `failed to unmarshal ${name}: parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": cannot parse it`,
  );
}

export const zeroTime = '0001-01-01T00:00:00Z';
