import { fsync, fsyncSync } from 'node:fs';
import { promisify } from 'node:util';
import { failureOf } from './system-error.ts';

const syncElsewhere = promisify(fsync);

/** Milliseconds: a sync that was this quick is not worth another thread, one that was that slow is again. */
const quick = 1;
const slow = 2;

/** Syncs files of one disk: in another thread, or in this one where the disk needs less time than waking one up. */
export class DiskSync {
  #quick = false;

  /** The disk answers before another thread would: a single sync is waited for in place. */
  get isQuick(): boolean {
    return this.#quick;
  }

  /**
   * Syncs in another thread; what went wrong. What the disk needs is seen each time, so one that becomes slow holds
   * everything else up once.
   * @param alone so that the time says what one sync takes
   */
  async elsewhere(fd: number, alone: boolean): Promise<unknown> {
    const started = performance.now();
    const failure = await syncElsewhere(fd).then(nothing, (error: unknown) => error);
    if (alone) this.#quick = performance.now() - started < quick;
    return failure;
  }

  /** Syncs in this one; what went wrong. */
  here(fd: number): unknown {
    const started = performance.now();
    const failure = failureOf(() => fsyncSync(fd));
    this.#quick = performance.now() - started < slow;
    return failure;
  }
}

function nothing(): undefined {}
