import { setTimeout as sleep } from 'node:timers/promises';
import type { Send } from '../api/client.ts';
import { CodedError } from '../errors/coded-error.ts';

/** How a question to the API server is tried again, as the kubelet does. */
export interface ReviewPatience {
  /** Milliseconds before the second try; half as much again before each next one. */
  firstWait: number;
  tries: number;
  /** Milliseconds for all tries together. */
  timeout: number;
}

export const kubeletPatience: ReviewPatience = { firstWait: 500, tries: 5, timeout: 10_000 };

/**
 * Creates a review object at the API server and returns the `status` of its answer. Answers that say "not now"
 * (429, 500, 503, 504) are tried again.
 * @throws CodedError `unavailable` where there is no answer, or none that can be used.
 */
export async function review(
  send: Send,
  path: string,
  body: object,
  patience: ReviewPatience = kubeletPatience,
): Promise<Record<string, unknown>> {
  // Not the signal of one client: others may wait for the same answer.
  const signal = AbortSignal.timeout(patience.timeout);
  let wait = patience.firstWait;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send({ method: 'POST', path, body: JSON.stringify(body) }, signal);
    if (answer.status === 200 || answer.status === 201) return statusOf(answer.body, path);
    if (attempt >= patience.tries || ![429, 500, 503, 504].includes(answer.status)) {
      throw new CodedError('unavailable', `${path}: the API server answered ${answer.status}`);
    }
    await sleep(wait, undefined, { signal });
    wait *= 1.5;
  }
}

function statusOf(body: string, path: string): Record<string, unknown> {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    answer = undefined;
  }
  const status = isRecord(answer) ? answer['status'] : undefined;
  if (isRecord(status)) return status;
  throw new CodedError('unavailable', `${path}: the answer of the API server has no status`);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
