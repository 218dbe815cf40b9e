import {
  type CheckpointDefinition,
  encodeAs,
  fromFile,
  type MigrationFacts,
  see,
  type Version,
} from './define.ts';
import { decodeJson } from './go-json.ts';
import { encodeJson } from './go-json-encode.ts';
import type { GoType } from './go-type.ts';
import { type Random, randomValue, seeded } from './random-value.ts';

/** One test: give it to a test runner. It throws when the declaration does not keep what it promises. */
export interface MigrationCase {
  name: string;
  run(): void;
}

export interface MigrationCaseOptions {
  /** Values for each version. 25 by default. */
  count?: number;
  seed?: number;
  /** Facts that the migrations of this definition need. */
  facts?: MigrationFacts;
  /** A value of a type that reads and writes itself, as its own decoder would make it. */
  custom?(type: GoType, random: Random): unknown;
}

/**
 * The tests that follow from a declaration alone, with random values: every version reads what it writes and
 * finds its checksum right; every migration gives a value that its version can write; and a value that went
 * down without loss and up again is the one it was.
 */
export function migrationCases(
  definition: CheckpointDefinition,
  options: MigrationCaseOptions = {},
): MigrationCase[] {
  const { count = 25, seed = 1 } = options;
  const cases: MigrationCase[] = [];
  definition.versions.forEach((version, i) => {
    const each = (name: string, check: (value: unknown) => void): void => {
      const run = (): void => {
        const random = seeded(seed + i);
        for (let n = 0; n < count; n++) check(randomContent(version, random, options));
      };
      cases.push({ name: `${definition.name} ${version.version} ${name}`, run });
    };
    each('reads what it writes, with the right checksum', (value) => roundTrip(version, value));
    const older = definition.versions[i - 1];
    if (!older) return;
    each(`goes down to ${older.version}, and up again to the same where nothing is lost`, (value) => {
      const down = definition.migrate(value, version.version, older.version, options.facts);
      roundTrip(older, down.value);
      const up = definition.migrate(down.value, older.version, version.version, options.facts);
      roundTrip(version, up.value);
      if (down.lost.length === 0 && up.lost.length === 0) same(version, value, up.value);
    });
  });
  return cases;
}

/** A value as a reader would have it, so that nil and absent are told apart as reading tells them apart. */
function randomContent(version: Version, random: Random, options: MigrationCaseOptions): unknown {
  const type = version.inside?.type ?? version.type;
  const value = randomValue(type as GoType, random, options.custom?.bind(options));
  if (version.inside) return fromFile(version, decodeJson(version.type, encodeAs(version, value)));
  return decodeJson(version.type, encodeJson(version.type, value), version.initial?.());
}

function roundTrip(version: Version, value: unknown): void {
  const bytes = encodeAs(version, value);
  const seen = see(version, bytes);
  if (!seen.valid) throw new Error(`${version.version} does not take what it wrote: ${seen.error?.message}`);
  same(version, seen.value, value);
}

/** Compared as files: that is what has to be equal, byte for byte. */
function same(version: Version, one: unknown, other: unknown): void {
  const [a, b] = [encodeAs(version, one), encodeAs(version, other)];
  if (a.length !== b.length || a.some((byte, i) => byte !== b[i])) {
    throw new Error(`${version.version}: a value is not the same after the way down and up`);
  }
}
