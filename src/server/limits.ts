/** How many requests for a checkpoint may be worked on at once, and how many may come. */
export interface LimitOptions {
  /** Being worked on, by everybody together and by one user. */
  node: number;
  user: number;
  /** In a minute, by everybody together and by one user; 0 for any number. */
  nodeRate: number;
  userRate: number;
}

export const defaultLimits: LimitOptions = { node: 64, user: 16, nodeRate: 1200, userRate: 600 };

/** Why there is no place, and in how many seconds one may ask again. */
export interface Refusal {
  why: string;
  retryAfter: number;
}

/** Counts the requests that are being worked on, and those that came lately. */
export class RequestLimits {
  readonly #options: LimitOptions;
  readonly #now: () => number;
  readonly #byUser = new Map<string, number>();
  readonly #nodeRate: Allowance;
  readonly #userRates = new Map<string, Allowance>();
  #all = 0;

  /** @param now milliseconds of a clock that never goes back */
  constructor(options: Partial<LimitOptions> = {}, now: () => number = () => performance.now()) {
    this.#options = { ...defaultLimits, ...options };
    this.#now = now;
    this.#nodeRate = new Allowance(this.#options.nodeRate, now());
  }

  get inFlight(): number {
    return this.#all;
  }

  /** Takes a place and returns how to give it back. */
  enter(user: string): (() => void) | Refusal {
    const own = this.#byUser.get(user) ?? 0;
    if (this.#all >= this.#options.node || own >= this.#options.user) {
      return { why: 'too many checkpoints in flight, try again later', retryAfter: 1 };
    }
    const wait = this.#waitOf(user);
    if (wait > 0) {
      return { why: 'too many checkpoints asked for lately, try again later', retryAfter: Math.ceil(wait) };
    }
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

  /** Seconds until one more may come; where that is 0 it is counted. */
  #waitOf(user: string): number {
    const now = this.#now();
    const own = this.#userRates.get(user) ?? new Allowance(this.#options.userRate, now);
    const wait = Math.max(own.wait(now), this.#nodeRate.wait(now));
    if (wait > 0) return wait;
    own.take();
    this.#nodeRate.take();
    this.#userRates.set(user, own);
    // Who has not come for a minute has everything again and need not be remembered.
    for (const [name, allowance] of this.#userRates) if (allowance.isFull(now)) this.#userRates.delete(name);
    return 0;
  }
}

/** A minute's worth of requests, which fills again at an even pace. */
class Allowance {
  readonly #perMinute: number;
  #left: number;
  #at: number;

  constructor(perMinute: number, now: number) {
    this.#perMinute = perMinute;
    this.#left = perMinute;
    this.#at = now;
  }

  /** Seconds until there is one. */
  wait(now: number): number {
    if (this.#perMinute === 0) return 0;
    this.#left = Math.min(this.#perMinute, this.#left + ((now - this.#at) / 60_000) * this.#perMinute);
    this.#at = now;
    return this.#left >= 1 ? 0 : ((1 - this.#left) * 60) / this.#perMinute;
  }

  take(): void {
    this.#left -= 1;
  }

  isFull(now: number): boolean {
    this.wait(now);
    return this.#left >= this.#perMinute;
  }
}
