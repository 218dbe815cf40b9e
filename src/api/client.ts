import type { ErrorCode } from '../errors/code.ts';
import { errorCodes } from '../errors/code.ts';
import { CodedError } from '../errors/coded-error.ts';
import { type CheckpointResponse, type CheckpointTarget, checkpointPath } from './kubelet-checkpoint.ts';
import {
  type CheckpointSummary,
  type DeviceSummary,
  type DrainResult,
  type ErrorBody,
  type List,
  type NodeStatus,
  type PodCheckpointResult,
  type PodSummary,
  paths,
  type RestoreRequest,
  type RestoreResult,
} from './stasis.ts';

export interface HttpRequest {
  method: string;
  /** With its query. */
  path: string;
  /** JSON text. */
  body?: string;
}

export interface HttpAnswer {
  status: number;
  body: string;
}

/** Carries a request to the daemon and brings back the answer, whatever its status. */
export type Send = (request: HttpRequest, signal: AbortSignal) => Promise<HttpAnswer>;

/** The daemon's API in types. Every method fails with a CodedError that has the daemon's words. */
export class StasisClient {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** @returns paths of the archives on the node */
  async checkpointContainer(
    target: CheckpointTarget,
    timeout: number | undefined,
    signal: AbortSignal,
  ): Promise<string[]> {
    const answer = await this.#call('POST', checkpointPath(target, timeout), undefined, signal);
    return (JSON.parse(answer) as CheckpointResponse).items;
  }

  checkpointPod(
    namespace: string,
    name: string,
    timeout: number | undefined,
    signal: AbortSignal,
  ): Promise<PodCheckpointResult> {
    return this.#json('POST', withTimeout(paths.podCheckpoint(namespace, name), timeout), undefined, signal);
  }

  drain(timeout: number | undefined, signal: AbortSignal): Promise<DrainResult> {
    return this.#json('POST', withTimeout(paths.drain, timeout), undefined, signal);
  }

  uncordon(signal: AbortSignal): Promise<NodeStatus> {
    return this.#json('POST', paths.uncordon, undefined, signal);
  }

  restore(request: RestoreRequest, signal: AbortSignal): Promise<RestoreResult> {
    return this.#json('POST', paths.restore, request, signal);
  }

  node(signal: AbortSignal): Promise<NodeStatus> {
    return this.#json('GET', paths.node, undefined, signal);
  }

  pods(signal: AbortSignal): Promise<List<PodSummary>> {
    return this.#json('GET', paths.pods, undefined, signal);
  }

  async deletePod(namespace: string, name: string, signal: AbortSignal): Promise<void> {
    await this.#call('DELETE', paths.pod(namespace, name), undefined, signal);
  }

  devices(signal: AbortSignal): Promise<List<DeviceSummary>> {
    return this.#json('GET', paths.devices, undefined, signal);
  }

  checkpoints(signal: AbortSignal): Promise<List<CheckpointSummary>> {
    return this.#json('GET', paths.checkpoints, undefined, signal);
  }

  async #json<T>(method: string, path: string, body: unknown, signal: AbortSignal): Promise<T> {
    return JSON.parse(await this.#call(method, path, body, signal)) as T;
  }

  async #call(method: string, path: string, body: unknown, signal: AbortSignal): Promise<string> {
    const request = { method, path, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const answer = await this.#send(request, signal);
    if (answer.status >= 200 && answer.status < 300) return answer.body;
    throw errorOf(answer);
  }
}

/** What the daemon said was wrong: in JSON from our own API, in plain text from the kubelet's. */
function errorOf({ status, body }: HttpAnswer): CodedError {
  const code = codes[status] ?? 'internal';
  try {
    const { error } = JSON.parse(body) as ErrorBody;
    const known = errorCodes.find((item) => item === error.code) ?? code;
    return new CodedError(known, error.message, error.hint ? { hint: error.hint } : {});
  } catch {
    const text = body.trim() || `the daemon answered with status ${status}`;
    const hint = hints[status];
    return new CodedError(code, text, hint ? { hint } : {});
  }
}

const codes: Record<number, ErrorCode> = {
  400: 'invalid-argument',
  401: 'unauthenticated',
  403: 'permission-denied',
  404: 'not-found',
  409: 'failed-precondition',
  429: 'busy',
  503: 'unavailable',
};

const hints: Record<number, string> = {
  401: 'give a token that the daemon knows with --token-file, or a client certificate',
  403: 'who this is may not do it: add a rule to the policy, or ask someone who may',
};

function withTimeout(path: string, timeout: number | undefined): string {
  return timeout === undefined ? path : `${path}?timeout=${timeout}`;
}
