import { Code, ConnectError } from '@connectrpc/connect';

/**
 * Milliseconds for which a container is looked after once a call that freezes it was given up. What the runtime's
 * helpers had begun goes on without us: on a busy node they freeze a container after it was seen running.
 */
const watched = 10_000;
/** Milliseconds until the first look, and between two at most. */
const firstPause = 50;
const longestPause = 1_000;

export interface Watcher {
  /** Lets the container run. @returns whether it was found frozen; undefined where it has ended */
  look(containerId: string): Promise<boolean | undefined>;
  /** It has been running all the time, or has ended. */
  done(containerId: string): Promise<void>;
}

interface Watch {
  over: boolean;
  wake(): void;
  ended: Promise<void>;
}

/** Containers that may be frozen yet by what was begun for a call that nobody waits for any more. */
export class LateFreezes {
  readonly #watcher: Watcher;
  readonly #watches = new Map<string, Watch>();

  constructor(watcher: Watcher) {
    this.#watcher = watcher;
  }

  /** Looks after it until it has been running for a while. */
  watch(containerId: string): void {
    if (this.#watches.has(containerId)) return;
    const watch: Watch = { over: false, wake: () => undefined, ended: Promise.resolve() };
    this.#watches.set(containerId, watch);
    watch.ended = this.#watch(containerId, watch);
  }

  /** Leaves it alone: somebody begins with it anew, and will look after it. */
  async leave(containerId: string): Promise<void> {
    const watch = this.#watches.get(containerId);
    if (watch === undefined) return;
    this.#end(containerId, watch);
    await watch.ended;
  }

  /** Resolves when none is looked after any more. */
  async idle(): Promise<void> {
    while (this.#watches.size > 0) {
      await Promise.allSettled([...this.#watches.values()].map(({ ended }) => ended));
    }
  }

  /** Leaves all alone, at once. */
  close(): void {
    for (const [containerId, watch] of this.#watches) this.#end(containerId, watch);
  }

  #end(containerId: string, watch: Watch): void {
    this.#watches.delete(containerId);
    watch.over = true;
    watch.wake();
  }

  async #watch(containerId: string, watch: Watch): Promise<void> {
    let runsSince = performance.now();
    let pause = firstPause;
    while (performance.now() - runsSince < watched) {
      await pauseOf(watch, pause);
      if (watch.over) return;
      // A runtime that does not answer knows nothing of the container: that is no sign that it runs.
      const frozen = await this.#watcher.look(containerId).catch(() => true);
      if (frozen === undefined) break;
      if (frozen) runsSince = performance.now();
      pause = frozen ? firstPause : Math.min(pause * 2, longestPause);
      if (watch.over) return;
    }
    await this.#watcher.done(containerId);
    if (!watch.over) this.#watches.delete(containerId);
  }
}

function pauseOf(watch: Watch, milliseconds: number): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    timer.unref();
    watch.wake = () => {
      clearTimeout(timer);
      done();
    };
  });
}

/** Whether a call ended on our side only: the runtime may still be at work for it. */
export function isGivenUp(error: unknown, signal: AbortSignal): boolean {
  const { code } = ConnectError.from(error);
  return signal.aborted || [Code.Canceled, Code.DeadlineExceeded, Code.Unavailable].includes(code);
}
