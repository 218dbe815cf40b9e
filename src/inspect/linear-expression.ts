import { ExpressionMatch } from './expression-match.ts';
import { programOf } from './expression-program.ts';
import { ExpressionScan } from './expression-scan.ts';
import { parseExpression } from './expression-syntax.ts';

/** Bytes that are looked at closely after a scan was wrong again and again. */
const mostStretch = 1 << 16;

/**
 * A regular expression over bytes that nobody's memory can make slow: the time is at most proportional to the bytes
 * and the length of the expression, and for each match a constant on top. The platform's own expressions, which try
 * one way after the other, can take for ever.
 */
export class LinearExpression {
  readonly #scan: ExpressionScan;
  readonly #match: ExpressionMatch;
  readonly #longest: number;

  /**
   * @param longest the longest match there is; what would go on is cut or not found.
   * @throws CodedError `invalid-argument` for an expression that cannot be read.
   */
  constructor(source: string, options: { ignoreCase: boolean; longest: number }) {
    const program = programOf(parseExpression(source, options.ignoreCase));
    this.#scan = new ExpressionScan(program);
    this.#match = new ExpressionMatch(program, options.longest);
    this.#longest = options.longest;
  }

  /** The first match, of a byte or more, that starts at `from` or later. */
  find(bytes: Uint8Array, from: number): { at: number; length: number } | undefined {
    let stretch = 0;
    for (let next = from; ; ) {
      const end = this.#scan.firstEnd(bytes, next, bytes.length);
      if (end < 0) return undefined;
      // None that counts starts earlier: it would have to reach this end or go beyond it.
      const earliest = Math.max(next, end - this.#longest);
      const last = Math.min(end - 1 + stretch, bytes.length - 1);
      if (this.#match.find(bytes, earliest, last)) {
        const { start } = this.#match;
        return { at: start, length: this.#match.end - start };
      }
      // Each look can go on for the longest match, in vain: so more and more is looked at in one.
      next = last + 1;
      stretch = Math.min(Math.max(64, stretch * 2), mostStretch);
    }
  }
}
