import { messageOf } from '../errors/coded-error.ts';
import { RejectedError } from './admissions.ts';
import type { Log } from './node-pods.ts';
import { podName } from './pod.ts';
import type { PodEvents } from './pod-events.ts';
import type { PodRecord } from './pod-store.ts';

/** What went wrong with a pod. */
interface Trouble {
  message: string;
  failures: number;
  retryAt: number;
  /** It may not run here, now. */
  rejected?: boolean;
}

/** Pauses after a step that failed: doubled from the first to the last. */
const firstPause = 1_000;
const lastPause = 300_000;

/** What is wrong with each pod, by its uid, and when it is tried again. */
export class PodTroubles {
  readonly #kept = new Map<string, Trouble>();
  readonly #events: PodEvents;
  readonly #log: Log;

  constructor(events: PodEvents, log: Log) {
    this.#events = events;
    this.#log = log;
  }

  /** Says what is wrong with a pod; shown until something succeeds. */
  note(uid: string, message: string): void {
    this.#kept.set(uid, { message, failures: 0, retryAt: 0 });
  }

  /** What was wrong with a pod is over. */
  clear(uid: string): void {
    this.#kept.delete(uid);
  }

  /** Last thing that went wrong, or empty. */
  message(uid: string): string {
    return this.#kept.get(uid)?.message ?? '';
  }

  /** Whether it is too early to try again. */
  waits(uid: string): boolean {
    return (this.#kept.get(uid)?.retryAt ?? 0) > Date.now();
  }

  /** Those that were rejected need not wait. */
  reconsider(): void {
    for (const trouble of this.#kept.values()) if (trouble.rejected) trouble.retryAt = 0;
  }

  /** A step failed: it is told once, and tried again after a longer pause each time. */
  failed(record: PodRecord, error: unknown): void {
    const { uid } = record.pod.metadata;
    const failures = (this.#kept.get(uid)?.failures ?? 0) + 1;
    const message = messageOf(error);
    const retryAt = Date.now() + Math.min(lastPause, firstPause * 2 ** Math.min(failures - 1, 10));
    if (this.#kept.get(uid)?.message !== message) {
      this.#log('error', `pod ${podName(record.pod)}: ${message}`, { uid });
      this.#events.add(uid, 'warn', message);
    }
    this.#kept.set(uid, { message, failures, retryAt, rejected: error instanceof RejectedError });
  }
}
