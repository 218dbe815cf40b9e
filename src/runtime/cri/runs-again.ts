import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@connectrpc/connect';
import type { RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import type { LateFreezes } from './late-freezes.ts';
import { type CheckpointNotes, cgroupOfContainer, letRun, type Resume, thawCgroup } from './let-run.ts';
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
  closing: AbortSignal;
}

/** {@link runsAgain} for each of them, at once. */
export async function letAllRun(care: Care, ids: readonly string[], givenUp: boolean): Promise<void> {
  await Promise.all(
    ids.map(async (id) => {
      const cgroup = await cgroupOfContainer(care.runtime, id).catch(() => undefined);
      await runsAgain(care, id, cgroup, givenUp);
    }),
  );
}

/**
 * Sees to it that a container runs, and forgets that it was noted once nothing can freeze it any more.
 * @param givenUp whether the runtime may still be at work for a call that nobody waits for
 */
export async function runsAgain(
  care: Care,
  containerId: string,
  cgroup: string | undefined,
  givenUp: boolean,
): Promise<void> {
  try {
    await letRun(care.runtime, care.resume, containerId);
    if (givenUp) care.late.watch(containerId);
    else await care.notes.remove(containerId);
  } catch {
    // It ends by itself; no failure of it is news.
    void keepTrying(care, containerId, cgroup);
  }
}

/**
 * The runtime is gone: it is told that the container is to run once it is back. Its helpers may still be at work,
 * and freeze the container again when they end: until then it is thawed by its cgroup.
 */
async function keepTrying(care: Care, containerId: string, cgroup: string | undefined): Promise<void> {
  while (!care.closing.aborted) {
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
