import { type ExpressionProgram, holds } from './expression-program.ts';

/** Ways through the program that are followed at the same time, the preferred first. */
class Threads {
  readonly steps: Int32Array;
  readonly starts: Int32Array;
  count = 0;
  readonly #marks: Int32Array;
  #mark = 0;

  constructor(size: number) {
    this.steps = new Int32Array(size);
    this.starts = new Int32Array(size);
    this.#marks = new Int32Array(size);
  }

  clear(): void {
    this.count = 0;
    this.#mark++;
  }

  /** Whether nobody has been at this step since {@link clear}. */
  visit(step: number): boolean {
    if (this.#marks[step] === this.#mark) return false;
    this.#marks[step] = this.#mark;
    return true;
  }

  push(step: number, start: number): void {
    this.steps[this.count] = step;
    this.starts[this.count++] = start;
  }
}

/**
 * Finds the match that a backtracking search would find, leftmost and by preference, by following all ways at once:
 * each byte costs at most the length of the program, whatever the expression.
 */
export class ExpressionMatch {
  readonly #program: ExpressionProgram;
  readonly #longest: number;
  #now: Threads;
  #next: Threads;
  readonly #waiting: number[] = [];
  /** Of the last match. */
  start = -1;
  end = -1;

  /** @param longest a match goes no further than this many bytes */
  constructor(program: ExpressionProgram, longest: number) {
    this.#program = program;
    this.#longest = longest;
    const size = program.steps.length;
    this.#now = new Threads(size);
    this.#next = new Threads(size);
  }

  /** The first match of at least one byte that starts in `from ..= last`; its place is in `start` and `end`. */
  find(bytes: Uint8Array, from: number, last: number): boolean {
    this.start = -1;
    this.#now.clear();
    for (let at = from; at <= bytes.length; at++) {
      if (this.start < 0 && at <= last) this.#add(this.#now, this.#program.start, at, bytes, at);
      if (this.#now.count === 0 && (this.start >= 0 || at >= last)) break;
      this.#advance(bytes, at);
    }
    return this.start >= 0;
  }

  /** Takes the byte at `at` with every thread; those after one that ends a match are given up. */
  #advance(bytes: Uint8Array, at: number): void {
    const now = this.#now;
    const next = this.#next;
    next.clear();
    for (let index = 0; index < now.count; index++) {
      const step = this.#program.steps[now.steps[index] as number];
      const start = now.starts[index] as number;
      if (step?.kind === 'match') {
        if (at === start) continue;
        this.start = start;
        this.end = at;
        break;
      }
      if (step?.kind !== 'byte' || at === bytes.length || at - start >= this.#longest) continue;
      if (step.set[bytes[at] as number] === 1) this.#add(next, step.next, start, bytes, at + 1);
    }
    this.#now = next;
    this.#next = now;
  }

  /** Follows what takes no byte, preferred ways first. */
  #add(threads: Threads, first: number, start: number, bytes: Uint8Array, at: number): void {
    const waiting = this.#waiting;
    waiting.push(first);
    for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
      if (!threads.visit(number)) continue;
      const step = this.#program.steps[number];
      if (step?.kind === 'split') waiting.push(step.other, step.next);
      else if (step?.kind === 'assert') {
        if (holds(step.what, bytes, at)) waiting.push(step.next);
      } else threads.push(number, start);
    }
  }
}
