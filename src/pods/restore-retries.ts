import { setTimeout as sleep } from 'node:timers/promises';
import type { ErrorCode } from '../errors/code.ts';
import { isCoded } from '../errors/coded-error.ts';

/** Failures that may be over in a while: nobody answers, no time, no space, somebody is at it, not there yet. */
const passing: readonly ErrorCode[] = [
  'unavailable',
  'deadline-exceeded',
  'resource-exhausted',
  'busy',
  'not-found',
];

/** Whether trying again, with nothing changed in the checkpoint, may end otherwise. */
export function mayPass(error: unknown): boolean {
  return passing.some((code) => isCoded(error, code));
}

const firstPause = 1000;
const longestPause = 300_000;

/** Milliseconds before the next attempt, after so many failures. */
export function pauseAfter(failures: number): number {
  return Math.min(longestPause, firstPause * 2 ** Math.min(failures - 1, 10));
}

/** When the next attempt is made, for a person. */
export function triedAgain(failures: number, now: number): string {
  const at = new Date(now + pauseAfter(failures)).toISOString().slice(0, 19);
  return `it is tried again at ${at}Z (${failures} ${failures === 1 ? 'attempt' : 'attempts'} failed)`;
}

/**
 * Calls `attempt` again, with longer and longer pauses, until it says that it is over.
 * @param failures how many there were before
 */
export async function keepTrying(
  attempt: (failures: number) => Promise<boolean>,
  failures: number,
  signal: AbortSignal,
): Promise<void> {
  for (let failed = failures; ; failed++) {
    await sleep(pauseAfter(failed), undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted || (await attempt(failed))) return;
  }
}
