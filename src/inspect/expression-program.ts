import { CodedError } from '../errors/coded-error.ts';
import { type ByteSet, wordBytes } from './byte-set.ts';
import type { Assertion, ExpressionNode } from './expression-syntax.ts';

/**
 * One step: a byte of a set and then `next`; a place with two ways on, `next` preferred; a place where something
 * must be true; the end of a match.
 */
export type Step =
  | { readonly kind: 'byte'; readonly set: ByteSet; readonly next: number }
  | { readonly kind: 'split'; readonly next: number; readonly other: number }
  | { readonly kind: 'assert'; readonly what: Assertion; readonly next: number }
  | { readonly kind: 'match' };

/** Steps by number. */
export interface ExpressionProgram {
  readonly steps: readonly Step[];
  readonly start: number;
}

/** Every step may be taken at every byte, so their number bounds the time. */
const mostSteps = 10_000;

/** @throws CodedError `invalid-argument` for an expression whose repeats make it too large. */
export function programOf(node: ExpressionNode): ExpressionProgram {
  const builder = new ProgramBuilder();
  const end = builder.add({ kind: 'match' });
  const start = builder.build(node, end);
  return { steps: builder.steps, start };
}

/** Builds from the end to the start, so that each step knows what comes after it. */
class ProgramBuilder {
  readonly steps: Step[] = [];

  add(step: Step): number {
    if (this.steps.length >= mostSteps) {
      throw new CodedError('invalid-argument', 'error parsing regexp: expression too large', {
        hint: 'repeats within repeats multiply; use smaller counts',
      });
    }
    return this.steps.push(step) - 1;
  }

  /** @returns the first step of `node`, after which `next` is taken. */
  build(node: ExpressionNode, next: number): number {
    switch (node.kind) {
      case 'set':
        return this.add({ kind: 'byte', set: node.set, next });
      case 'assert':
        return this.add({ kind: 'assert', what: node.what, next });
      case 'sequence':
        return node.parts.reduceRight((after, part) => this.build(part, after), next);
      case 'choice':
        return node.options
          .map((option) => this.build(option, next))
          .reduceRight((other, first) => this.add({ kind: 'split', next: first, other }));
      case 'repeat':
        return this.#repeat(node, next);
    }
  }

  #repeat(node: ExpressionNode & { kind: 'repeat' }, next: number): number {
    const { part, min, max, greedy } = node;
    let start = next;
    if (max === Number.POSITIVE_INFINITY) {
      const loop = this.add({ kind: 'match' });
      this.steps[loop] = this.#split(this.build(part, loop), next, greedy);
      start = loop;
    } else {
      for (let times = min; times < max; times++) {
        start = this.add(this.#split(this.build(part, start), next, greedy));
      }
    }
    for (let times = 0, before = -1; times < min && this.steps.length > before; times++) {
      // What adds no step, such as `()`, need not be repeated.
      before = this.steps.length;
      start = this.build(part, start);
    }
    return start;
  }

  #split(more: number, enough: number, greedy: boolean): Step {
    return greedy
      ? { kind: 'split', next: more, other: enough }
      : { kind: 'split', next: enough, other: more };
  }
}

/** Whether `what` is true before byte `at`. */
export function holds(what: Assertion, bytes: Uint8Array, at: number): boolean {
  switch (what) {
    case 'text-start':
      return at === 0;
    case 'text-end':
      return at === bytes.length;
    case 'line-start':
      return at === 0 || bytes[at - 1] === 0x0a;
    case 'line-end':
      return at === bytes.length || bytes[at] === 0x0a;
    case 'word-edge':
      return isWord(bytes[at - 1]) !== isWord(bytes[at]);
    case 'inside':
      return isWord(bytes[at - 1]) === isWord(bytes[at]);
  }
}

function isWord(byte: number | undefined): boolean {
  return byte !== undefined && wordBytes[byte] === 1;
}
