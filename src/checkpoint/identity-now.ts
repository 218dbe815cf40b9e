import type { ArchiveLimits } from '../archive/limits.ts';
import { indexTarNow } from '../archive/tar-index.ts';
import type { Json, JsonObject } from '../bytes/go-json.ts';
import { textOf } from '../bytes/text.ts';
import { layoutFile } from '../oci/layout-names.ts';
import { type Identity, identityFrom } from './identity.ts';
import { memberNames } from './layout.ts';

/** Dumps are some dozens of KiB; larger ones are left to the ordinary reader. */
const usualDump = 1 << 20;

/**
 * Who the container in a plain archive of `size` bytes was, at once: for looking into very many archives.
 * Undefined where the ordinary way, by `openArchive` and `readIdentity`, has to be gone: it says what is wrong.
 */
export function identityOfTar(
  size: number,
  read: (offset: number, length: number) => Uint8Array,
  limits: ArchiveLimits,
): Identity | undefined {
  const index = indexTarNow(size, read, { limits });
  if (index.content(layoutFile)) return undefined;
  const dumpOf = (name: string) => {
    const entry = index.content(name);
    if (!entry || entry.sparse || entry.size > usualDump) return undefined;
    return fieldsOf(read(entry.dataOffset, entry.size));
  };
  const config = dumpOf(memberNames.configDump);
  const spec = config && dumpOf(memberNames.specDump);
  return spec && identityFrom(config, spec);
}

/**
 * The texts and the annotations of a dump. Whatever else is in it stands as an empty list, which is refused where
 * an identity wants text.
 */
function fieldsOf(bytes: Uint8Array): JsonObject | undefined {
  const dump: unknown = JSON.parse(textOf(bytes));
  if (typeof dump !== 'object' || dump === null || Array.isArray(dump)) return undefined;
  const fields: JsonObject = new Map();
  for (const [name, value] of Object.entries(dump)) {
    const isMap = name === 'annotations' && typeof value === 'object' && value !== null;
    fields.set(name, isMap ? new Map(Object.entries(value)) : fieldOf(value));
  }
  return fields;
}

function fieldOf(value: unknown): Json {
  return typeof value === 'string' || value === null ? value : [];
}
