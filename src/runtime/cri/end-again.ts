import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectError, type Interceptor } from '@connectrpc/connect';
import { RuntimeService } from '../../gen/cri/v1/api_pb.ts';

const { stopContainer, removeContainer, stopPodSandbox, removePodSandbox } = RuntimeService.method;

/** Calls that the CRI lets one make any number of times. */
const endings: readonly object[] = [stopContainer, removeContainer, stopPodSandbox, removePodSandbox];

/** How often such a call is made, and the milliseconds between two. */
const attempts = 4;
const interval = 100;

/**
 * Ends containers and pods again where the runtime says that its helper went away while it was asked: the helper
 * ends by itself with its last container, and may do so just then. The kubelet comes back as well.
 * @param lost the runtime's words for it; without them every failure is told
 */
export function endAgain(lost: RegExp | undefined): Interceptor {
  return (next) => async (request) => {
    if (lost === undefined || !endings.includes(request.method)) return next(request);
    for (let attempt = 1; ; attempt++) {
      try {
        return await next(request);
      } catch (error) {
        if (!lost.test(ConnectError.from(error).rawMessage) || attempt === attempts) throw error;
        await sleep(interval * attempt, undefined, { signal: request.signal });
      }
    }
  };
}
