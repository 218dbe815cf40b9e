import type { ByteSet } from './byte-set.ts';
import type { ExpressionProgram } from './expression-program.ts';

/** The most numbers of steps to hold in states; beyond, all states are forgotten and made anew as they come. */
const mostHeld = 1 << 18;

/** What a scan knows after some bytes: the steps that may come next, and whether a match has just ended. */
interface State {
  readonly steps: readonly number[];
  readonly ended: boolean;
  /** The states after this one by class of byte, as far as they were needed yet. */
  readonly after: (State | undefined)[];
}

/**
 * Says where the first match ends, not where it begins: one look at each byte in a table that is made as it is
 * needed. What must be true at a place is taken to be true, so it may see a match where there is none, and never
 * overlooks one.
 */
export class ExpressionScan {
  readonly #program: ExpressionProgram;
  /** Bytes of one class are in the same sets. */
  readonly #classOf = new Uint8Array(256);
  readonly #sample: number[] = [];
  readonly #states = new Map<string, State>();
  #held = 0;
  #start: State;
  readonly #first: number | undefined;

  constructor(program: ExpressionProgram) {
    this.#program = program;
    const sets = program.steps.flatMap((step) => (step.kind === 'byte' ? [step.set] : []));
    this.#classify([...new Set(sets)]);
    this.#start = this.#begin();
    this.#first = this.#onlyFirst();
  }

  /** The end of a match that begins at `from` or later, the first to end; −1 where there is none up to `to`. */
  firstEnd(bytes: Uint8Array, from: number, to: number): number {
    let state = this.#start;
    for (let at = this.#nextFirst(bytes, from); at < to; at++) {
      const kind = this.#classOf[bytes[at] as number] as number;
      const next = state.after[kind] ?? this.#step(state, kind);
      if (next !== state) {
        if (next.ended) return at + 1;
        state = next;
        if (next === this.#start) at = this.#nextFirst(bytes, at + 1) - 1;
      }
    }
    return -1;
  }

  /** Where a match can begin at `from` or later: the platform is fast at finding one byte. */
  #nextFirst(bytes: Uint8Array, from: number): number {
    if (this.#first === undefined) return from;
    const at = bytes.indexOf(this.#first, from);
    return at < 0 ? bytes.length : at;
  }

  /** The byte that all matches begin with, where that is one. */
  #onlyFirst(): number | undefined {
    const firsts = Array.from(this.#classOf.entries()).filter(
      ([, kind]) => (this.#start.after[kind] ?? this.#step(this.#start, kind)) !== this.#start,
    );
    return firsts.length === 1 ? firsts[0]?.[0] : undefined;
  }

  #classify(sets: readonly ByteSet[]): void {
    const classes = new Map<string, number>();
    for (let byte = 0; byte < 256; byte++) {
      const key = sets.map((set) => set[byte]).join('');
      let kind = classes.get(key);
      if (kind === undefined) {
        kind = classes.size;
        classes.set(key, kind);
        this.#sample.push(byte);
      }
      this.#classOf[byte] = kind;
    }
  }

  #begin(): State {
    this.#states.clear();
    this.#held = 0;
    return this.#intern(this.#closure([this.#program.start]), false);
  }

  /** The state after one byte of a class. */
  #step(state: State, kind: number): State {
    const byte = this.#sample[kind] ?? 0;
    const moved: number[] = [];
    for (const number of state.steps) {
      const step = this.#program.steps[number];
      if (step?.kind === 'byte' && step.set[byte] === 1) moved.push(step.next);
    }
    const reached = this.#closure(moved);
    const ended = reached.some((number) => this.#program.steps[number]?.kind === 'match');
    if (this.#held > mostHeld) this.#start = this.#begin();
    // A match may begin anywhere.
    const next = this.#intern(this.#closure([...reached, this.#program.start]), ended);
    state.after[kind] = next;
    return next;
  }

  #intern(steps: readonly number[], ended: boolean): State {
    const key = `${ended} ${steps.join(' ')}`;
    const known = this.#states.get(key);
    if (known) return known;
    const state: State = { steps, ended, after: new Array(this.#sample.length).fill(undefined) };
    this.#states.set(key, state);
    this.#held += steps.length + this.#sample.length;
    return state;
  }

  /** Steps that take a byte or end the match, from these on, sorted. */
  #closure(from: readonly number[]): number[] {
    const seen = new Set<number>(from);
    const found: number[] = [];
    // A set gives what is added to it while it is walked through.
    for (const number of seen) {
      const step = this.#program.steps[number];
      if (step?.kind === 'split') seen.add(step.next).add(step.other);
      else if (step?.kind === 'assert') seen.add(step.next);
      else found.push(number);
    }
    return found.sort((a, b) => a - b);
  }
}
