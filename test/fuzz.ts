/**
 * Fuzzing without a framework: real samples, broken in the ways in which files break and attackers break them, until
 * the time is up. A parser may take what it is given or refuse it with a `CodedError`; anything else is a finding.
 */
import { type TestContext, test } from 'node:test';
import { CodedError } from '../src/errors/coded-error.ts';

/** How long each fuzz test goes on: a few seconds in `make test`, a minute in `make fuzz`. */
const seconds = Number(process.env['STASIS_FUZZ_SECONDS'] ?? 2);

/** A generator of whole numbers below a limit; the same numbers for the same seed (xorshift32). */
export type Dice = (below: number) => number;

export function diceOf(seed: number): Dice {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Lengths and counts that parsers trip over: the edges of the ways in which numbers are stored. */
const edges = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

type Break = (bytes: Uint8Array, dice: Dice) => Uint8Array;

const breaks: readonly Break[] = [
  (bytes, dice) => bytes.slice(0, dice(bytes.length + 1)),
  (bytes, dice) => changed(bytes, dice, (old) => old ^ (1 << dice(8))),
  (bytes, dice) => changed(bytes, dice, () => dice(256)),
  (bytes, dice) => {
    const copy = bytes.slice();
    if (copy.length < 4) return copy;
    new DataView(copy.buffer).setUint32(dice(copy.length - 3), edges[dice(edges.length)] ?? 0, dice(2) === 0);
    return copy;
  },
  (bytes, dice) => {
    const [from, to] = range(bytes, dice);
    return joined(bytes.subarray(0, from), bytes.subarray(to));
  },
  (bytes, dice) => {
    const [from, to] = range(bytes, dice);
    return joined(bytes.subarray(0, to), bytes.subarray(from));
  },
];

/** Up to four bytes, each replaced by what `value` makes of it. */
function changed(bytes: Uint8Array, dice: Dice, value: (old: number) => number): Uint8Array {
  const copy = bytes.slice();
  for (let left = 1 + dice(4); left > 0 && copy.length > 0; left--) {
    const at = dice(copy.length);
    copy[at] = value(copy[at] ?? 0);
  }
  return copy;
}

/** A piece of at most 512 bytes. */
function range(bytes: Uint8Array, dice: Dice): [from: number, to: number] {
  const from = dice(bytes.length + 1);
  return [from, Math.min(bytes.length, from + dice(512))];
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

/** One sample, broken one to three times. */
export function broken(samples: readonly Uint8Array[], dice: Dice): Uint8Array {
  let bytes = samples[dice(samples.length)] ?? new Uint8Array();
  for (let left = 1 + dice(3); left > 0; left--) {
    bytes = (breaks[dice(breaks.length)] as Break)(bytes, dice);
  }
  return bytes;
}

/**
 * A test named "fuzz: NAME" that hands broken samples to `parse` until the time is up. What it throws besides a
 * `CodedError` fails the test, with the number that makes the same input again: `STASIS_FUZZ_SEED=N`.
 */
export function fuzz(
  name: string,
  samples: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>,
  parse: (bytes: Uint8Array) => unknown,
): void {
  test(`fuzz: ${name}`, async (t: TestContext) => {
    const all = await samples();
    if (all.length === 0) throw new Error('no samples');
    const fixed = process.env['STASIS_FUZZ_SEED'];
    const deadline = performance.now() + seconds * 1000;
    let tried = 0;
    for (let seed = fixed === undefined ? Date.now() & 0x3fffffff : Number(fixed); ; seed++) {
      await attempt(seed, broken(all, diceOf(Math.imul(seed, 0x9e3779b1))), parse);
      tried++;
      if (fixed !== undefined || performance.now() > deadline) break;
    }
    t.diagnostic(`${tried} inputs`);
  });
}

async function attempt(
  seed: number,
  bytes: Uint8Array,
  parse: (bytes: Uint8Array) => unknown,
): Promise<void> {
  try {
    await parse(bytes);
  } catch (error) {
    if (error instanceof CodedError) return;
    throw new Error(`input of ${bytes.length} bytes made by STASIS_FUZZ_SEED=${seed}`, { cause: error });
  }
}
