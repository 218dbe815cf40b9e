import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keepGeneration, listGenerations } from '../localfs/generations.ts';
import { readStateFile } from '../localfs/state-files.ts';
import { examine } from './examine.ts';
import type { Examined, ExamineOptions } from './examined.ts';

export interface Change {
  examined: Examined;
  /** It was there before and is no longer. */
  removed: boolean;
}

/** Milliseconds between the first sign of a change and the look at it: writers do several things in a row. */
const settle = 50;
/** Milliseconds after which everything is looked at even without a sign: not every file system gives one. */
const atLeastEvery = 10_000;

/** The state files at `target` as they are and then every time one of them changes, until the signal. */
export async function* watchState(
  target: string,
  options: ExamineOptions,
  { keep, signal }: { keep: number; signal: AbortSignal },
): AsyncGenerator<Change> {
  const before = new Map<string, { examined: Examined; bytes: Uint8Array | undefined }>();
  const signs = new Signs();
  try {
    while (!signal.aborted) {
      const files = await examine(target, options).catch((error: unknown) => {
        // The target may be away for a moment; what was there has been removed then.
        if (before.size === 0) throw error;
        return [] as Examined[];
      });
      for (const examined of files) {
        const known = before.get(examined.file.path);
        const bytes = examined.content?.bytes;
        if (known && same(known.bytes, bytes)) continue;
        before.set(examined.file.path, { examined, bytes });
        if (keep > 0 && examined.report.valid) await keepGood(examined.file.path, bytes, keep);
        yield { examined, removed: false };
      }
      for (const [path, { examined }] of before) {
        if (files.some((each) => each.file.path === path)) continue;
        before.delete(path);
        yield { examined, removed: true };
      }
      const folders = new Set([target, ...files.map(({ file }) => dirname(file.path))]);
      if (!signs.follow(folders)) await signs.next(signal);
    }
  } finally {
    signs.close();
  }
}

/** Keeps the state as a generation, unless it is the newest one already. */
async function keepGood(path: string, bytes: Uint8Array | undefined, keep: number): Promise<void> {
  const newest = (await listGenerations(dirname(path), basename(path)))[0];
  const last = newest && (await readStateFile(newest.path).catch(() => undefined));
  if (!last || !same(last.bytes, bytes)) keepGeneration(dirname(path), basename(path), keep);
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.from(a).equals(b);
}

/** Signs of changes in folders, from the moment in which a folder is added, so that none is missed. */
class Signs {
  readonly #watchers = new Map<string, FSWatcher>();
  #changed = false;
  #wake = (): void => {};

  /** Looks after these folders and no others. True when one is new: what is in it may have changed before. */
  follow(folders: ReadonlySet<string>): boolean {
    let fresh = false;
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of folders) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, () => this.#note());
        watcher.on('error', () => {
          this.#watchers.delete(folder);
          this.#note();
        });
        this.#watchers.set(folder, watcher);
        fresh = true;
      } catch {
        // The folder is gone; the next look will say so.
      }
    }
    return fresh;
  }

  /** Waits for a sign since the last call, for the time in which one looks anyway, or for the signal. */
  async next(signal: AbortSignal): Promise<void> {
    if (!this.#changed && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, atLeastEvery);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
        signal.addEventListener('abort', this.#wake, { once: true });
      });
      signal.removeEventListener('abort', this.#wake);
    }
    if (this.#changed && !signal.aborted) await sleep(settle);
    this.#changed = false;
  }

  close(): void {
    this.follow(new Set());
  }

  #note(): void {
    this.#changed = true;
    this.#wake();
  }
}
