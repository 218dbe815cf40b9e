import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { keepGeneration, listGenerations } from '../../localfs/generations.ts';
import { readStateFile } from '../../localfs/state-files.ts';
import { type Examined, type ExamineOptions, examine } from './examine.ts';

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
    await somethingChanges([...folders], signal);
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

/** Waits for a change in one of the folders, for the time in which one looks anyway, or for the signal. */
async function somethingChanges(folders: readonly string[], signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, atLeastEvery);
    const look = (): void => {
      setTimeout(resolve, settle);
    };
    signal.addEventListener('abort', () => resolve(), { once: true, signal: stop.signal });
    for (const folder of folders) {
      try {
        watch(folder, { signal: either }, look).on('error', look);
      } catch {
        // The folder is gone; the next look will say so.
      }
    }
    either.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });
  stop.abort();
}
