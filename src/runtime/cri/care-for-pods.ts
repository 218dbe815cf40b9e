import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, type Interceptor, type UnaryResponse } from '@connectrpc/connect';
import { frozenUntilRemoved } from '../../api/cri-options.ts';
import { grpcStatus } from '../../errors/code.ts';
import { CodedError } from '../../errors/coded-error.ts';
import {
  type CheckpointPodRequest,
  CheckpointPodResponseSchema,
  RuntimeService,
} from '../../gen/cri/v1/api_pb.ts';
import { refusePodRestores } from './care-for-pod-restores.ts';
import { explained } from './explain-failure.ts';
import { cutPod, type PodCutTools } from './pod-cut.ts';
import type { RuntimeQuirks, RuntimeVersion } from './quirks.ts';
import { behind, type Care, letAllRun } from './runs-again.ts';

/** `CheckpointPod`, also for a runtime that has none of its own. */
export function careForPods(
  care: Care,
  pause: PodCutTools['pause'] | undefined,
  quirks: RuntimeQuirks,
  version: RuntimeVersion,
): Interceptor {
  const tools: PodCutTools | undefined = pause && {
    runtime: care.runtime,
    pause,
    resume: care.resume ?? (async () => false),
    begin: async (ids) => {
      for (const id of ids) {
        await care.late.leave(id);
        await care.notes.add(id);
      }
    },
    end: (containers, outcome) => letAllRun(care, containers, outcome),
    behind: (work) => behind(care, work),
    closing: care.closing,
  };
  return (next) => async (request) => {
    if (request.method !== RuntimeService.method.checkpointPod) return next(request);
    try {
      return await next(request);
    } catch (error) {
      if (ConnectError.from(error).code !== Code.Unimplemented) throw error;
    }
    try {
      if (tools === undefined) throw noPods(quirks);
      const message = request.message as unknown as CheckpointPodRequest;
      // Whoever ends a pod after its checkpoint means to restore it.
      if (Object.hasOwn(message.options, frozenUntilRemoved)) refusePodRestores(quirks, version);
      await cutPod(tools, message, request.signal);
    } catch (error) {
      if (error instanceof CodedError) {
        throw new ConnectError(error.message, grpcStatus(error.code) as Code, undefined, undefined, error);
      }
      throw await explained(error, care.failures);
    }
    const { service, method } = request;
    const message = create(CheckpointPodResponseSchema);
    const [header, trailer] = [new Headers(), new Headers()];
    return { stream: false, service, method, header, trailer, message } as UnaryResponse;
  };
}

function noPods({ title, noPods: why }: RuntimeQuirks): CodedError {
  return new CodedError(
    'unsupported',
    `${title} cannot checkpoint a whole pod: ${why ?? 'it has no CheckpointPod, and how to pause its containers is not known'}`,
    { hint: 'checkpoint its containers one by one, or use the built-in runtime or containerd' },
  );
}
