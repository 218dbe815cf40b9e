import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { encodeAs, see, type Version } from '../checkpointmanager/define.ts';
import type { GoType } from '../checkpointmanager/go-type.ts';
import { migrationCases } from '../checkpointmanager/migration-cases.ts';
import { type Random, randomValue, seeded } from '../checkpointmanager/random-value.ts';
import { isCoded } from '../errors/coded-error.ts';
import { goCpuSet } from './cpuset.ts';
import { stateKinds } from './known-files.ts';
import { parseQuantity } from './quantity.ts';

/** Quantities whose text is canonical: others are known not to survive, in the real thing as here. */
const quantities = ['100m', '1', '2Gi', '1500m', '3Ki', '250M', '0', '7Ei', '1n'];

function custom(type: GoType, random: Random): unknown {
  if (type.name === 'resource.Quantity') {
    return parseQuantity(quantities[Math.floor(random() * quantities.length)] ?? '1');
  }
  if (type.name === 'state.PodEntry') {
    const cpus = new Set(Array.from({ length: 5 }, () => Math.floor(random() * 70)));
    return { CPUSet: goCpuSet([...cpus].sort((a, b) => a - b)) };
  }
  return { Raw: new TextEncoder().encode(`{"n":${Math.floor(random() * 100)}}`), Object: null };
}

const facts = {
  containerOf: (id: string) => {
    const [podUid, container] = id.startsWith('[') ? JSON.parse(id) : [`pod of ${id}`, id];
    return { podUid, container };
  },
  containerIdOf: (pod: string, container: string) => JSON.stringify([pod, container]),
};

const definitions = new Set(
  stateKinds.map((kind) => kind.definition).filter((each) => each.name !== 'bootstrap-pod'),
);

describe('migrations of the kubelet’s files', () => {
  for (const definition of definitions) {
    for (const each of migrationCases(definition, { custom, facts, count: 40 })) it(each.name, each.run);
  }
});

/** For each byte: one bit of it, the bit that changes case, and another byte altogether. */
function* flips(bytes: Uint8Array, from: number, random: Random): Generator<Uint8Array> {
  for (let at = from; at < bytes.length; at++) {
    for (const change of new Set([1 << (at % 8), 0x20, 1 + Math.floor(random() * 255)])) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] as number) ^ change;
      yield flipped;
    }
  }
}

/** Where what the checksum covers begins: of a sandbox it is `data` alone, its names are not protected. */
function coveredFrom(version: Version, bytes: Uint8Array): number {
  return version.checksum.covers.endsWith('in Data') && version.type.name.endsWith('PodSandboxCheckpoint')
    ? Buffer.from(bytes).indexOf('"data":')
    : 0;
}

/** Whether anything tells the file from a whole one: it cannot be read, the checksum, or how it is written. */
function found(version: Version, bytes: Uint8Array): 'decode' | 'checksum' | 'writing' | undefined {
  const seen = see(version, bytes);
  if (!seen.valid) return seen.computed === undefined ? 'decode' : 'checksum';
  const written = encodeAs(version, seen.value);
  return Buffer.from(written).equals(bytes) ? undefined : 'writing';
}

/** Where a single bit makes a file that is another whole one: another name of a version, a checksum of 0. */
function wholeAgain(version: Version, bytes: Uint8Array): boolean {
  return version.zeroAccepted === true && see(version, bytes).stored === 0n;
}

describe('one changed byte', () => {
  const random = seeded(7);
  const totals = { files: 0, flips: 0, decode: 0, checksum: 0, writing: 0 };
  for (const definition of definitions) {
    for (const version of definition.versions) {
      it(`is found anywhere in a file of ${definition.name} ${version.version}`, () => {
        for (let n = 0; n < 2; n++) {
          const type = version.inside?.type ?? version.type;
          const bytes = encodeAs(version, randomValue(type as GoType, random, custom));
          if (found(version, bytes) !== undefined) continue;
          totals.files++;
          for (const flipped of flips(bytes, coveredFrom(version, bytes), random)) {
            const how = found(version, flipped);
            assert.ok(
              how !== undefined || wholeAgain(version, flipped),
              `not found: ${Buffer.from(flipped).toString('latin1')}\n      was ${Buffer.from(bytes).toString('latin1')}`,
            );
            totals.flips++;
            if (how) totals[how]++;
          }
        }
      });
    }
  }
  it('covers files, places and ways of finding them', (t) => {
    t.diagnostic(
      `${totals.files} files, ${totals.flips} changed bytes: ${totals.decode} cannot be decoded, ` +
        `${totals.checksum} have a wrong checksum, ${totals.writing} are not as any kubelet writes them`,
    );
    assert.ok(totals.flips > 5000 && totals.checksum > 1000);
  });
});

describe('hostile files', () => {
  it('give coded errors, whatever is cut off or overwritten', () => {
    const random = seeded(3);
    let tried = 0;
    for (const kind of stateKinds) {
      for (const version of kind.definition.versions) {
        const bytes =
          kind.kind === 'bootstrap-pod'
            ? Buffer.from('{"Pod":{"metadata":{"name":"a"}},"Checksum":1}')
            : encodeAs(
                version,
                randomValue((version.inside?.type ?? version.type) as GoType, random, custom),
              );
        for (let n = 0; n < 60; n++) {
          const damaged = bytes.slice(0, Math.floor(random() * bytes.length));
          for (let i = 0; i < damaged.length; i++)
            if (random() < 0.05) damaged[i] = Math.floor(random() * 256);
          const seen = see(version, damaged);
          assert.ok(seen.valid || isCoded(seen.error));
          tried++;
        }
      }
    }
    assert.ok(tried > 500);
  });
});

const fixtures = join(import.meta.dirname, '../../fixtures/kubelet-state');

describe('fixtures by version', () => {
  for (const minor of readdirSync(fixtures).filter((name) => /^1\.[0-9]+$/.test(name))) {
    for (const name of readdirSync(join(fixtures, minor))) {
      it(`${minor}/${name} is what that version writes`, () => {
        const bytes = readFileSync(join(fixtures, minor, name));
        const fits = stateKinds.some((kind) =>
          kind.definition.versions.some((version) => found(version, bytes) === undefined),
        );
        assert.ok(fits);
      });
    }
  }
});
