import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@connectrpc/connect';
import type { RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { releaseNetworkLock } from '../builtin/network-lock.ts';
import type { LateFreezes } from './late-freezes.ts';
import { type CheckpointNotes, cgroupOfContainer, letRun, type Resume, thawCgroup } from './let-run.ts';
import { networkOfContainers } from './pod-network.ts';
import type { Failure } from './quirks.ts';

/** Milliseconds between two attempts to reach a runtime that has gone. */
export const retryInterval = 250;

/** What is needed to look after containers around their checkpoints. */
export interface Care {
  runtime: Client<typeof RuntimeService>;
  notes: CheckpointNotes;
  late: LateFreezes;
  resume: Resume | undefined;
  failures: readonly Failure[];
  remains: RegExp | undefined;
  /** What goes on after its call was answered; see {@link behind}. */
  background: Set<Promise<void>>;
  /** We end: containers that are held are let go. */
  closing: AbortSignal;
  /** Nobody waits for what is in the background any more. */
  over: AbortSignal;
}

/**
 * How checkpoints ended: all went well; the runtime said that one failed; or nobody waits for it any more, and the
 * runtime may still be at work.
 */
export type Outcome = 'done' | 'failed' | 'given up';

/** Goes on with work that a call does not wait for, and that has to be over before we end. */
export function behind(care: Care, work: Promise<void>): void {
  const settled = work.catch(() => undefined).finally(() => care.background.delete(settled));
  care.background.add(settled);
}

export interface Held {
  id: string;
  /** Where it is known; looked for where it is not. */
  cgroup?: string | undefined;
}

/** Sees to it that containers run, and forgets that they were noted once nothing can freeze them any more. */
export async function letAllRun(care: Care, held: readonly Held[], outcome: Outcome): Promise<void> {
  const run = await Promise.all(held.map((each) => runs(care, each)));
  const known = held.flatMap(({ id }, index) => (run[index] ? [id] : []));
  if (outcome === 'given up') for (const id of known) care.late.watch(id);
  else await forget(care, known, outcome);
}

/** The notes of containers that run are removed, and what a CRIU that was killed has locked is unlocked. */
export async function forget(
  care: Care,
  ids: readonly string[],
  outcome: Exclude<Outcome, 'given up'>,
): Promise<void> {
  if (outcome !== 'done') {
    // One that has ended by itself has left no lock; which of both it was nobody says.
    const networks = await networkOfContainers(care.runtime, ids).catch(() => []);
    for (const network of networks) await releaseNetworkLock(network);
  }
  for (const id of ids) await care.notes.remove(id);
}

/** @returns false where the runtime does not answer: it is told later that the container is to run */
async function runs(care: Care, { id, cgroup }: Held): Promise<boolean> {
  const known = cgroup ?? (await cgroupOfContainer(care.runtime, id).catch(() => undefined));
  try {
    await letRun(care.runtime, care.resume, id);
    return true;
  } catch {
    behind(care, keepTrying(care, id, known));
    return false;
  }
}

/**
 * The runtime is gone: it is told that the container is to run once it is back. Its helpers may still be at work,
 * and freeze the container again when they end: until then it is thawed by its cgroup.
 */
async function keepTrying(care: Care, containerId: string, cgroup: string | undefined): Promise<void> {
  while (!care.over.aborted) {
    try {
      await letRun(care.runtime, care.resume, containerId);
      return care.late.watch(containerId);
    } catch {
      // Not back yet; the note stays for the next start.
      if (cgroup !== undefined) await thawCgroup(cgroup).catch(() => false);
    }
    await sleep(retryInterval, undefined, { ref: false });
  }
}
