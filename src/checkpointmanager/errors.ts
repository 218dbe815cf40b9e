import { CodedError } from '../errors/coded-error.ts';

/** The file for a key is not there. On a fresh node that is no fault. */
export class CheckpointNotFoundError extends CodedError {
  constructor(cause?: unknown) {
    super('not-found', 'checkpoint is not found', { cause });
    this.name = 'CheckpointNotFoundError';
  }
}

/** The stored checksum is not that of the content. Callers compare by class, as Go's `errors.Is` does. */
export class CorruptCheckpointError extends CodedError {
  /** Recomputed from the content. */
  readonly actual: bigint;
  /** Stored in the file. */
  readonly expected: bigint;

  constructor(actual: bigint, expected: bigint) {
    super('corrupt', 'checkpoint is corrupted', { data: { actual, expected } });
    this.name = 'CorruptCheckpointError';
    this.actual = actual;
    this.expected = expected;
  }
}

/** @throws CodedError `invalid-argument`, in the kubelet's words, unless `key` can be a file name there. */
export function validateKey(key: string): void {
  // 250 is a limit in bytes; only ASCII gets past the pattern, so characters will do.
  if (key.length <= 250 && /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/.test(key)) return;
  throw new CodedError('invalid-argument', `invalid key: ${quoted(key)}`);
}

/** Go's `%q`: what is printable stays, the rest is escaped. */
export function quoted(text: string): string {
  let out = '"';
  for (const character of text) out += quotedCharacter(character);
  return `${out}"`;
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

function quotedCharacter(character: string): string {
  const known = escapes[character];
  if (known) return known;
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0xd800 && code <= 0xdfff) return '\ufffd';
  if (character === ' ' || /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(character)) return character;
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, '0');
}
