import { utf8 } from '../bytes/text.ts';
import { parseDump } from '../checkpoint/dump-json.ts';
import { memberFolders } from '../checkpoint/layout.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { ReadSmall } from './source.ts';

/**
 * What a conversion replaced, kept in the archive as it was: converting once more starts from there, so nothing
 * is lost on the way over a third engine, and the way back gives what there was. Other programs ignore it.
 */
export interface Origin {
  /** Names of the members that are kept. */
  kept: readonly string[];
  /** Names of the members that the original did not have. */
  added: readonly string[];
  /** SHA-256 of what was written in their place, by name: whoever changes that wants it to count. */
  written: ReadonlyMap<string, string>;
}

const indexName = `${memberFolders.origin}index.json`;

/** Where a replaced member is kept. */
export function originName(name: string): string {
  return memberFolders.origin + name;
}

/** Whether a member belongs to what earlier conversions kept. */
export function isOrigin(name: string): boolean {
  return name.startsWith(memberFolders.origin);
}

export function encodeOrigin({ kept, added, written }: Origin): { name: string; content: Uint8Array } {
  const value = { version: 1, kept, added, written: Object.fromEntries(written) };
  return { name: indexName, content: utf8(`${JSON.stringify(value, undefined, 2)}\n`) };
}

/** @throws CodedError `corrupt` for one that cannot be read, `unsupported` for one of a later version. */
export async function readOrigin(read: ReadSmall): Promise<Origin | undefined> {
  const bytes = await read(indexName);
  const index = bytes && parseDump(bytes, indexName);
  if (!index) return undefined;
  if (index.get('version') !== 1) {
    throw new CodedError('unsupported', `${indexName} is of a version that is not known`);
  }
  const [kept, added, written] = [index.get('kept'), index.get('added'), index.get('written')];
  const isText = (value: unknown): value is string => typeof value === 'string';
  const isList = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);
  if (!isList(kept) || !isList(added) || !(written instanceof Map)) {
    throw new CodedError('corrupt', `${indexName} does not list what was kept`);
  }
  const digests = [...written].filter((pair): pair is [string, string] => isText(pair[1]));
  return { kept, added, written: new Map(digests) };
}

/**
 * Reads members as they were before an earlier conversion.
 * @param sha256 hexadecimal digits of the digest of some bytes.
 * @returns undefined where there was none, or where what it wrote has been changed since.
 */
export async function beforeConversion(
  read: ReadSmall,
  sha256: (bytes: Uint8Array) => string,
): Promise<{ read: ReadSmall; origin: Origin } | undefined | 'changed'> {
  const origin = await readOrigin(read);
  if (!origin) return undefined;
  for (const [name, digest] of origin.written) {
    const bytes = await read(name);
    if (!bytes || sha256(bytes) !== digest) return 'changed';
  }
  const kept = new Set(origin.kept);
  const added = new Set(origin.added);
  const original: ReadSmall = (name) => {
    if (kept.has(name)) return read(originName(name));
    return added.has(name) ? Promise.resolve(undefined) : read(name);
  };
  return { read: original, origin };
}
