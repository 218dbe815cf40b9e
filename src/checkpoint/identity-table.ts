import { textOf, utf8 } from '../bytes/text.ts';
import type { Identity } from './identity.ts';

/** What lists show of an archive. */
export type ListedIdentity = Pick<Identity, (typeof fields)[number] | 'checkpointed'>;

/** Identities by a text that stands for one state of one file. */
export type IdentityTable = ReadonlyMap<string, ListedIdentity>;

const fields = ['engine', 'id', 'name', 'image', 'created', 'pod', 'namespace'] as const;

/** Raised when the same archive would say something else than before, or is written down in another way. */
const layoutVersion = 2;

/** What is beyond these is not written down, and a table that holds it is none. */
const limits = { entries: 20_000, key: 160, text: 1024 };

/** The longest table that is worth reading. */
export const longestTable = 32 << 20;

/**
 * The table as bytes: a line with a version, the program that wrote it and a sum of what follows; then JSON.
 * @param writer the program and its version: another one may read archives in another way.
 */
export function encodeIdentities(table: IdentityTable, writer: string): Uint8Array {
  const rows = [...table]
    .filter(([key, identity]) => isKey(key) && texts(identity).every(isText))
    .slice(0, limits.entries)
    .map(([key, identity]) => [key, ...texts(identity), identity.checkpointed ?? null]);
  const body = utf8(JSON.stringify(rows));
  const head = utf8(headOf(writer, body));
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

/** The table in `bytes`; undefined for anything that is not what this very program wrote. */
export function decodeIdentities(bytes: Uint8Array, writer: string): IdentityTable | undefined {
  const end = bytes.indexOf(0x0a) + 1;
  const body = bytes.subarray(end);
  if (textOf(bytes.subarray(0, end)) !== headOf(writer, body)) return undefined;
  let rows: unknown;
  try {
    rows = JSON.parse(textOf(body));
  } catch {
    return undefined;
  }
  if (!Array.isArray(rows) || rows.length > limits.entries) return undefined;
  const table = new Map<string, ListedIdentity>();
  for (const row of rows) {
    const entry = entryOf(row);
    if (!entry) return undefined;
    table.set(...entry);
  }
  return table;
}

function headOf(writer: string, body: Uint8Array): string {
  return `identities ${layoutVersion} ${writer} ${sumOf(body).toString(16)}\n`;
}

function texts(identity: ListedIdentity): string[] {
  return fields.map((field) => identity[field]);
}

function isKey(key: unknown): key is string {
  return typeof key === 'string' && key.length <= limits.key;
}

function isText(text: unknown): text is string {
  return typeof text === 'string' && text.length <= limits.text;
}

function entryOf(row: unknown): [string, ListedIdentity] | undefined {
  if (!Array.isArray(row) || row.length !== fields.length + 2) return undefined;
  const [key, ...values]: unknown[] = row;
  const checkpointed = values.pop();
  if (!isKey(key) || !values.every(isText)) return undefined;
  if (checkpointed !== null && !isText(checkpointed)) return undefined;
  const named = Object.fromEntries(fields.map((field, at) => [field, values[at]]));
  // Every field is there and text; an engine is a text that only this program writes.
  return [key, { ...named, checkpointed: checkpointed ?? undefined } as ListedIdentity];
}

/** FNV-1a over little-endian words: what an accident does to a file shows. */
function sumOf(bytes: Uint8Array): number {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let sum = 0x811c9dc5 ^ bytes.length;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) sum = Math.imul(sum ^ words.getUint32(at, true), 0x01000193);
  for (; at < bytes.length; at++) sum = Math.imul(sum ^ words.getUint8(at), 0x01000193);
  return sum >>> 0;
}
