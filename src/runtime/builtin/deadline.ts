import { CodedError } from '../../errors/coded-error.ts';

/** One point in time by which a whole operation must be done, and the caller's wish to call it off. */
export class Deadline {
  readonly signal: AbortSignal | undefined;
  readonly totalMs: number;
  readonly #doing: string;
  readonly #end: number;

  /** @param doing For messages: "checkpointing container web". */
  constructor(doing: string, totalMs: number, signal?: AbortSignal) {
    this.#doing = doing;
    this.totalMs = totalMs;
    this.#end = performance.now() + totalMs;
    this.signal = signal;
  }

  /** Milliseconds left; at least one, so that it can be given to a timer. */
  leftMs(): number {
    return Math.max(1, Math.floor(this.#end - performance.now()));
  }

  /** What a program that is started now gets. */
  call(): { timeoutMs: number; signal: AbortSignal | undefined } {
    return { timeoutMs: this.leftMs(), signal: this.signal };
  }

  /** @throws CodedError `cancelled` or `deadline-exceeded` when it is time to stop. */
  check(): void {
    if (this.signal?.aborted) throw new CodedError('cancelled', `${this.#doing} was cancelled`);
    if (performance.now() < this.#end) return;
    throw new CodedError('deadline-exceeded', `${this.#doing} was not done within ${this.totalMs} ms`, {
      data: { timeoutMs: this.totalMs },
    });
  }
}
