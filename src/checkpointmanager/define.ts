import { CodedError, isCoded } from '../errors/coded-error.ts';
import type { ChecksumRule } from './checksum-rule.ts';
import { CorruptCheckpointError } from './errors.ts';
import { decodeJson, decodeJsonText } from './go-json.ts';
import { type EncodeOptions, encodeJson, encodeJsonText } from './go-json-encode.ts';
import type { GoType } from './go-type.ts';

/** Facts from outside that a migration may need. */
export type MigrationFacts = Readonly<Record<string, unknown>>;

/** What a migration is given besides the value. */
export interface Migrating {
  readonly facts: MigrationFacts;
  /** To be called for everything that the target cannot hold or that has to be made up. */
  lose(what: string): void;
}

/**
 * One version of a checkpoint's schema. `V` is what callers work with: the file's object, or, where `inside`
 * is given, what is in the text that the file carries.
 */
export interface Version<V = unknown> {
  readonly version: string;
  /** The file's object. */
  readonly type: GoType;
  /** What the reader allocates before it decodes; the zero value if left out. */
  initial?(): unknown;
  readonly checksum: ChecksumRule;
  /** A checksum of 0 is accepted unseen, as from before there were checksums. */
  readonly zeroAccepted?: boolean;
  /** A field of the file's object that holds a text, and the type of the JSON in it. */
  readonly inside?: { readonly field: string; readonly type: GoType<V> };
  readonly encoding?: EncodeOptions;
  /** From the version before this one. */
  up?(older: unknown, migrating: Migrating): V;
  /** To the version before this one. */
  down?(newer: V, migrating: Migrating): unknown;
}

interface Declared<V, O> extends Omit<Version<V>, 'up' | 'down' | 'type' | 'inside'> {
  up?(older: O, migrating: Migrating): V;
  down?(newer: V, migrating: Migrating): O;
}

/** Declares one version; `V` comes from its type, `O` is the value of the version before it. */
export function version<V, O = unknown>(declared: Declared<V, O> & { readonly type: GoType<V> }): Version<V> {
  return declared as Version<V>;
}

/** Declares a version whose file carries a text with JSON of type `inside.type`. */
export function versionInText<V, O = unknown>(
  declared: Declared<V, O> & {
    readonly type: GoType;
    readonly inside: { readonly field: string; readonly type: GoType<V> };
  },
): Version<V> {
  return declared as Version<V>;
}

/** What a file is, seen as one version. */
export interface Seen {
  readonly version: string;
  /** Undefined when it cannot be decoded as this version. */
  readonly value: unknown;
  readonly file: unknown;
  readonly stored: bigint | undefined;
  readonly computed: bigint | undefined;
  readonly valid: boolean;
  /** Why it is not valid. */
  readonly error: CodedError | undefined;
}

export interface Migrated<V = unknown> {
  readonly version: string;
  readonly value: V;
  /** What the target version cannot hold. */
  readonly lost: readonly string[];
}

/** A checkpoint's schema through its versions, oldest first. */
export interface CheckpointDefinition<V = unknown> {
  readonly name: string;
  readonly versions: readonly Version[];
  readonly latest: Version<V>;
  version(name: string): Version;
  /** Decodes and verifies as each version, newest first. */
  inspect(bytes: Uint8Array): Seen[];
  /**
   * Reads a file of any version and brings it up to the latest.
   * @throws CorruptCheckpointError, or CodedError `corrupt` when no version can decode it.
   */
  decode(bytes: Uint8Array, facts?: MigrationFacts): V;
  /** The file of a version (the latest if left out), with its checksum. */
  encode(value: unknown, version?: string): Uint8Array<ArrayBuffer>;
  migrate(value: unknown, from: string, to: string, facts?: MigrationFacts): Migrated;
}

/**
 * A checkpoint from one declaration: its versions as Go types, migrations between neighbours as functions.
 * Reading, verifying, writing, migrating and the types come from it; `migrationCases` makes its tests.
 */
export function defineCheckpoint<V>(declared: {
  name: string;
  versions: readonly [...Version[], Version<V>];
}): CheckpointDefinition<V> {
  const { name } = declared;
  const versions: readonly Version[] = declared.versions;
  const latest = declared.versions.at(-1) as Version<V>;
  const index = (wanted: string): number => {
    const at = versions.findIndex((each) => each.version === wanted);
    if (at < 0) {
      const known = versions.map((each) => each.version).join(', ');
      throw new CodedError('unsupported', `${name} has no version ${wanted}; there are ${known}`);
    }
    return at;
  };
  const version = (wanted: string): Version => versions[index(wanted)] as Version;
  const migrate = (value: unknown, from: string, to: string, facts: MigrationFacts = {}): Migrated =>
    walk(name, versions, value, index(from), index(to), facts);
  const inspect = (bytes: Uint8Array): Seen[] => versions.toReversed().map((each) => see(each, bytes));
  return {
    name,
    versions,
    latest,
    version,
    migrate,
    inspect,
    decode(bytes, facts) {
      const seen = inspect(bytes);
      const valid = seen.find((each) => each.valid);
      if (valid) return migrate(valid.value, valid.version, latest.version, facts).value as V;
      const decoded = seen.find((each) => each.error instanceof CorruptCheckpointError);
      throw (decoded ?? seen[0])?.error ?? new CorruptCheckpointError(0n, 0n);
    },
    encode: (value, wanted = latest.version) => encodeAs(version(wanted), value),
  };
}

/**
 * The file of one version, with its checksum. The checksum is taken over the value as a reader of the file will
 * have it: a nil list that is left out of the JSON comes back empty where the reader allocates one, and a list
 * without entries comes back nil where it does not. Hashed as they were, such files would be corrupt.
 */
export function encodeAs(version: Version, value: unknown): Uint8Array<ArrayBuffer> {
  const plain = encodeJson(version.type, toFile(version, value), version.encoding);
  const asRead = decodeJson(version.type, plain, version.initial?.());
  return encodeJson(version.type, version.checksum.seal(asRead), version.encoding);
}

/** What `value` looks like as the file's object. */
export function toFile(version: Version, value: unknown): unknown {
  const { inside } = version;
  if (!inside) return value;
  return { Checksum: 0n, [inside.field]: encodeJsonText(inside.type, value, version.encoding) };
}

/** Decodes and verifies `bytes` as one version. */
export function see(version: Version, bytes: Uint8Array): Seen {
  const base = { version: version.version, value: undefined, file: undefined, valid: false };
  let file: unknown;
  try {
    file = decodeJson(version.type, bytes, version.initial?.());
  } catch (error) {
    if (!isCoded(error)) throw error;
    return { ...base, stored: undefined, computed: undefined, error };
  }
  const stored = version.checksum.stored(file);
  let computed: bigint;
  try {
    computed = version.checksum.computed(file);
  } catch (error) {
    if (!isCoded(error)) throw error;
    return { ...base, file, stored, computed: undefined, error };
  }
  const fits = stored === computed || (version.zeroAccepted === true && stored === 0n);
  const sums = { file, stored, computed };
  try {
    const value = fromFile(version, file);
    if (fits) return { ...base, ...sums, value, valid: true, error: undefined };
    return { ...base, ...sums, value, error: new CorruptCheckpointError(computed, stored) };
  } catch (error) {
    if (!isCoded(error)) throw error;
    return { ...base, ...sums, error: fits ? error : new CorruptCheckpointError(computed, stored) };
  }
}

/** What callers work with, from the file's object. */
export function fromFile(version: Version, file: unknown): unknown {
  const { inside } = version;
  if (!inside) return file;
  return decodeJsonText(inside.type, (file as Record<string, string>)[inside.field] ?? '');
}

function walk(
  name: string,
  versions: readonly Version[],
  value: unknown,
  from: number,
  to: number,
  facts: MigrationFacts,
): Migrated {
  const lost: string[] = [];
  const migrating: Migrating = { facts, lose: (what) => lost.push(what) };
  let at = value;
  for (let i = from; i < to; i++) {
    const next = versions[i + 1] as Version;
    if (!next.up) throw noWay(name, versions, i, i + 1);
    at = next.up(at, migrating);
  }
  for (let i = from; i > to; i--) {
    const newer = versions[i] as Version;
    if (!newer.down) throw noWay(name, versions, i, i - 1);
    at = newer.down(at, migrating);
  }
  return { version: (versions[to] as Version).version, value: at, lost };
}

function noWay(name: string, versions: readonly Version[], from: number, to: number): CodedError {
  return new CodedError(
    'unsupported',
    `${name}: there is no way from version ${versions[from]?.version} to ${versions[to]?.version}`,
  );
}
