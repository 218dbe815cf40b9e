/** How many requests for a checkpoint may be worked on at once. */
export interface LimitOptions {
  /** By everybody together. */
  node: number;
  /** By one user. */
  user: number;
}

export const defaultLimits: LimitOptions = { node: 64, user: 16 };

/** Counts the requests that are being worked on. */
export class RequestLimits {
  readonly #options: LimitOptions;
  readonly #byUser = new Map<string, number>();
  #all = 0;

  constructor(options: Partial<LimitOptions> = {}) {
    this.#options = { ...defaultLimits, ...options };
  }

  get inFlight(): number {
    return this.#all;
  }

  /** Takes a place and returns how to give it back; undefined where none is free. */
  enter(user: string): (() => void) | undefined {
    const own = this.#byUser.get(user) ?? 0;
    if (this.#all >= this.#options.node || own >= this.#options.user) return undefined;
    this.#all += 1;
    this.#byUser.set(user, own + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#all -= 1;
      const rest = (this.#byUser.get(user) ?? 1) - 1;
      if (rest > 0) this.#byUser.set(user, rest);
      else this.#byUser.delete(user);
    };
  }
}
