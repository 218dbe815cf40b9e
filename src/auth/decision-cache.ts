/** How long an answer is kept, in milliseconds; 0 keeps it not at all. */
export type Lifetime<T> = (answer: T) => number;

interface Entry<T> {
  answer: T;
  /** On the clock of `performance.now()`. */
  until: number;
}

/**
 * Answers of a server that decides, kept for a while. Questions that are being asked already wait for that
 * answer; failures are never kept; what was used longest ago makes room for what is new.
 */
export class DecisionCache<T> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #asking = new Map<string, Promise<T>>();
  readonly #lifetime: Lifetime<T>;
  readonly #most: number;
  readonly #now: () => number;

  constructor(lifetime: Lifetime<T>, most: number, now: () => number = () => performance.now()) {
    this.#lifetime = lifetime;
    this.#most = most;
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What is known for `key`, else what `ask` finds out. */
  async get(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(key);
    if (known) {
      this.#entries.delete(key);
      if (known.until > this.#now()) {
        this.#entries.set(key, known);
        return known.answer;
      }
    }
    const underway = this.#asking.get(key);
    if (underway) return underway;
    const asking = ask()
      .then((answer) => this.#keep(key, answer))
      .finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  #keep(key: string, answer: T): T {
    const lifetime = this.#lifetime(answer);
    if (lifetime <= 0) return answer;
    this.#entries.set(key, { answer, until: this.#now() + lifetime });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#most) break;
      this.#entries.delete(oldest);
    }
    return answer;
  }
}
