import { type Client, Code, ConnectError, type Interceptor, type UnaryResponse } from '@connectrpc/connect';
import { grpcStatus } from '../../errors/code.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { type RestorePodRequest, RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { type PodRemakeTools, remakePod } from './pod-remake.ts';
import type { RuntimeQuirks, RuntimeVersion } from './quirks.ts';

export interface PodRestoreCare {
  quirks: RuntimeQuirks;
  version: RuntimeVersion;
  /** The runtime, with what is done around each restore of a container. */
  cared(): Client<typeof RuntimeService>;
  hold: PodRemakeTools['hold'];
}

/** `RestorePod`, also for a runtime that has none of its own and does restore containers. */
export function careForPodRestores({ quirks, version, cared, hold }: PodRestoreCare): Interceptor {
  return (next) => async (request) => {
    if (request.method !== RuntimeService.method.restorePod) return next(request);
    try {
      return await next(request);
    } catch (error) {
      if (ConnectError.from(error).code !== Code.Unimplemented) throw error;
    }
    try {
      refusePodRestores(quirks, version);
      const tools = { runtime: cared(), title: quirks.title, hold };
      const message = await remakePod(tools, request.message as unknown as RestorePodRequest, request.signal);
      const { service, method } = request;
      const [header, trailer] = [new Headers(), new Headers()];
      return { stream: false, service, method, header, trailer, message } as UnaryResponse;
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      throw new ConnectError(error.message, grpcStatus(error.code) as Code, undefined, undefined, error);
    }
  };
}

/** @throws CodedError `unsupported` where pods cannot be restored */
export function refusePodRestores({ title, restores }: RuntimeQuirks, version: RuntimeVersion): void {
  const refusal = restores
    ? restores.refusal(version)
    : { why: 'it is not known to restore containers', hint: undefined };
  if (refusal === undefined) return;
  throw new CodedError(
    'unsupported',
    `${title} ${version.major}.${version.minor} cannot restore a whole pod: ${refusal.why}`,
    { hint: refusal.hint ?? 'restore on the built-in runtime' },
  );
}
