import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectError, type Interceptor } from '@connectrpc/connect';
import { RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { explained } from './explain-failure.ts';
import { isGivenUp } from './late-freezes.ts';
import { cgroupOfContainer, letRun } from './let-run.ts';
import { type Care, letAllRun, retryInterval } from './runs-again.ts';

/** How often a checkpoint is begun that the remains of another one stop. */
const attempts = 4;

/** What is done around each `CheckpointContainer`. */
export function careForCheckpoints(care: Care): Interceptor {
  const { runtime, notes, late, failures } = care;
  return (next) => async (request) => {
    if (request.method !== RuntimeService.method.checkpointContainer) return next(request);
    const { containerId } = request.message as unknown as { containerId: string };
    await late.leave(containerId);
    await notes.add(containerId);
    const answering = pastRemains(care, containerId, request.signal, () => next(request));
    // Needed where it fails only: asked behind the call, and nobody waits for the answer.
    const cgroup = cgroupOfContainer(runtime, containerId).catch(() => undefined);
    try {
      const answer = await answering;
      await notes.remove(containerId);
      return answer;
    } catch (error) {
      const outcome = isGivenUp(error, request.signal) ? 'given up' : 'failed';
      await letAllRun(care, [{ id: containerId, cgroup: await cgroup }], outcome);
      throw await explained(error, failures);
    }
  };
}

/** Calls again, a few times, where nothing but the end of a call that was given up was in the way. */
async function pastRemains<T>(
  { runtime, resume, remains }: Care,
  containerId: string,
  signal: AbortSignal,
  call: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const text = ConnectError.from(error).rawMessage;
      if (!remains?.test(text) || attempt === attempts || signal.aborted) throw error;
      await letRun(runtime, resume, containerId);
      await sleep(retryInterval * attempt, undefined, { signal });
    }
  }
}
