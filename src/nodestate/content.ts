import { toFile } from '../checkpointmanager/define.ts';
import { decodeJson } from '../checkpointmanager/go-json.ts';
import { encodeJsonText } from '../checkpointmanager/go-json-encode.ts';
import { any } from '../checkpointmanager/go-type.ts';
import type { Examined } from './examined.ts';

/**
 * What is in the file, as text of JSON: the text that some files carry inside is opened, the checksum left out.
 * A file that can be decoded as no version is shown as the JSON that it is.
 */
export function contentText({ kind, seen, content }: Examined): string {
  if (!kind || seen?.value === undefined) {
    return encodeJsonText(any, decodeJson(any, content?.bytes ?? new Uint8Array()));
  }
  const version = kind.definition.version(seen.version);
  if (version.inside) return encodeJsonText(version.inside.type, seen.value);
  return encodeJsonText(version.type, toFile(version, seen.value)).replace(/,"[Cc]hecksum":[0-9]+\}$/, '}');
}

/** {@link contentText} as plain data; integers that a number cannot hold stay text. */
export function contentData(examined: Examined): unknown {
  return JSON.parse(contentText(examined), (_key, value, context?: { source?: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && Number.isInteger(value) && context?.source
      ? context.source
      : value,
  );
}

export interface Difference {
  /** `entries.<uid>.<container>` */
  path: string;
  before: string | undefined;
  after: string | undefined;
}

/** Where two pieces of plain data differ, by the paths of their leaves. */
export function differences(before: unknown, after: unknown, path = ''): Difference[] {
  if (!isFolder(before) || !isFolder(after)) {
    const [a, b] = [leaf(before), leaf(after)];
    return a === b ? [] : [{ path, before: a, after: b }];
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => {
    const name = Array.isArray(before) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    const [a, b] = [own(before, key), own(after, key)];
    return a === undefined || b === undefined
      ? [{ path: name, before: leaf(a), after: leaf(b) }]
      : differences(a, b, name);
  });
}

function isFolder(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function own(value: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

function leaf(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
