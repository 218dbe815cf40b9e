import { utf8 } from '../bytes/text.ts';
import { CodedError } from '../errors/coded-error.ts';
import { checksumOf, crc32OfText, fnv32a } from './checksum.ts';
import { goSyntax } from './go-syntax.ts';
import { fieldType, type GoType, named, pointer } from './go-type.ts';

type Struct = Record<string, unknown>;

/** Where a file keeps its checksum and what the checksum covers. */
export interface ChecksumRule {
  /** For messages: what is hashed and how. */
  readonly covers: string;
  stored(value: unknown): bigint;
  computed(value: unknown): bigint;
  /** The text that is hashed, where it is Go's printed form. */
  text?(value: unknown): string;
  /** The value with its checksum set; the one given is not changed. */
  seal(value: unknown): unknown;
}

interface WholeStruct {
  /** The name of the checksum's field. */
  field?: string;
  /** Hash the value; the kubelet hashes the pointer to it in most places. */
  byValue?: boolean;
  /** The name the struct has in the hashed text, where a later version hashes under an older one's name. */
  name?: string;
}

/** FNV over the whole struct, with 0 in the checksum's place. */
export function wholeStruct(type: GoType, options: WholeStruct = {}): ChecksumRule {
  const { field = 'Checksum', byValue = false, name = type.name } = options;
  const renamed = named(name, type);
  const hashed = byValue ? renamed : pointer(renamed);
  const cleared = (value: unknown): unknown => ({ ...(value as Struct), [field]: 0n });
  return rule(
    `the whole ${name}, with ${field} 0`,
    field,
    (value) => checksumOf(hashed, cleared(value)),
    (value) => goSyntax(hashed, cleared(value)),
  );
}

/** FNV over one field of the struct. */
export function partOfStruct(type: GoType, part: string, field = 'Checksum'): ChecksumRule {
  const found = type.kind === 'struct' ? type.fields.find((each) => each.name === part) : undefined;
  if (!found) throw new Error(`${type.name} has no field ${part}`);
  const declared = fieldType(found);
  // A pointer is followed before it is hashed: what counts is the struct behind it.
  const hashed = declared.kind === 'pointer' ? declared.element : declared;
  const content = (value: unknown): unknown => {
    const found = (value as Struct)[part];
    if (found !== null || hashed === declared) return found;
    throw new CodedError('corrupt', 'runtime error: invalid memory address or nil pointer dereference');
  };
  return rule(
    `${hashed.name} in ${part}`,
    field,
    (value) => checksumOf(hashed, content(value)),
    (value) => goSyntax(hashed, content(value)),
  );
}

/** FNV over a text inside the file, printed as Go prints a string. */
export function textField(part: string, field = 'Checksum'): ChecksumRule {
  const text = (value: unknown): string => `(string)${(value as Struct)[part]}`;
  return rule(`the text in ${part}`, field, (value) => fnv32a(utf8(text(value))), text);
}

/** CRC-32 over a text inside the file. */
export function crcOfTextField(part: string, field = 'Checksum'): ChecksumRule {
  return rule(`CRC-32 of the text in ${part}`, field, (value) =>
    crc32OfText((value as Struct)[part] as string),
  );
}

function rule(
  covers: string,
  field: string,
  computed: (value: unknown) => bigint,
  text?: (value: unknown) => string,
): ChecksumRule {
  return {
    covers,
    stored: (value) => (value as Struct)[field] as bigint,
    computed,
    ...(text ? { text } : {}),
    seal: (value) => ({ ...(value as Struct), [field]: computed(value) }),
  };
}
