import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RuntimeEvent, WatchRuntime } from '../api/runtime-events.ts';
import type { Stage } from '../api/stasis.ts';

/** How far one checkpoint is. */
export interface Progress {
  stage: Stage;
  /** Bytes written in this stage. */
  written?: number;
  /** Bytes that it is thought to come to. */
  estimated?: number;
}

export type Tell = (progress: Progress) => void;

/** Milliseconds between two looks at what has been written. */
const interval = 100;
/** Milliseconds to wait for a runtime to clean up after a call that was given up. */
const longestSettling = 60_000;

/**
 * Puts together what is told of the containers of one checkpoint: it is in the last stage that any of them has
 * come to, and the bytes are those of all.
 */
export class CheckpointProgress {
  readonly #tell: Tell;
  readonly #memory: number;
  readonly #folders = new Map<string, string>();
  readonly #archived = new Map<string, { written: number; estimated: number }>();
  readonly #ends: (() => void)[] = [];
  /** Containers that the runtime is at work on. */
  readonly #atWork = new Set<string>();
  #settled = (): void => undefined;
  #stage: Stage = 'freezing';
  /** Longest time that one of the containers was frozen. */
  frozenMicroseconds: number | undefined;

  /**
   * @param memory bytes that the containers have in memory: what a dump is thought to come to
   */
  constructor(containerIds: readonly string[], watch: WatchRuntime | undefined, memory: number, tell: Tell) {
    this.#tell = tell;
    this.#memory = memory;
    tell({ stage: 'freezing' });
    for (const id of containerIds) {
      const end = watch?.(id, (event) => this.#take(event));
      if (end) this.#ends.push(end);
    }
    const timer = setInterval(() => void this.#look(), interval);
    this.#ends.push(() => clearInterval(timer));
  }

  /**
   * Resolves when nothing of the work is left in the runtime. A call that is given up returns before that; a
   * runtime that does not tell is taken at its word, and none is waited for without end.
   */
  async settled(): Promise<void> {
    if (this.#atWork.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, longestSettling);
      this.#settled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  #take(event: RuntimeEvent): void {
    const { containerId, stage, folder, written = 0, estimated = 0, frozenMicroseconds } = event;
    if (stage === 'begun') this.#atWork.add(containerId);
    if (stage === 'ended' && this.#atWork.delete(containerId) && this.#atWork.size === 0) this.#settled();
    if (stage === 'begun' || stage === 'ended') return;
    if (stage === 'thawed') {
      this.frozenMicroseconds = Math.max(this.frozenMicroseconds ?? 0, frozenMicroseconds ?? 0);
      return;
    }
    if (stage === 'dumping' && folder !== undefined) this.#folders.set(containerId, folder);
    if (stage === 'archiving') this.#archived.set(containerId, { written, estimated });
    const entered = this.#stage !== stage;
    this.#stage = stage;
    if (entered) this.#say();
  }

  async #look(): Promise<void> {
    if (this.#stage === 'dumping') {
      let written = 0;
      for (const folder of this.#folders.values()) written += await bytesIn(folder);
      // The stage may have changed meanwhile.
      if (this.#stage === 'dumping' && this.#ends.length > 0) this.#say(written);
    } else if (this.#ends.length > 0) this.#say();
  }

  #say(dumped = 0): void {
    this.#tell(this.#now(dumped));
  }

  #now(dumped: number): Progress {
    if (this.#stage === 'freezing') return { stage: 'freezing' };
    if (this.#stage === 'dumping') {
      const known = this.#folders.size > 0 ? { written: dumped } : {};
      return { stage: 'dumping', ...known, estimated: this.#memory };
    }
    const all = [...this.#archived.values()];
    const sum = (key: 'written' | 'estimated') => all.reduce((total, one) => total + one[key], 0);
    return { stage: 'archiving', written: sum('written'), estimated: sum('estimated') };
  }
}

async function bytesIn(folder: string): Promise<number> {
  let total = 0;
  for (const name of await readdir(folder).catch(() => [] as string[])) {
    total += (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0;
  }
  return total;
}
