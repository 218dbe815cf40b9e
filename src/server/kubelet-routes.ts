import {
  acceptsJson,
  bodies,
  type CheckpointResponse,
  type CheckpointTarget,
  jsonType,
  parseCheckpointPath,
  parseTimeout,
  plainText,
  timeoutParameter,
} from '../api/kubelet-checkpoint.ts';
import { httpStatus } from '../errors/code.ts';
import { isCoded, messageOf } from '../errors/coded-error.ts';
import type { Checkpointer } from '../pods/checkpointer.ts';
import type { RequestFacts } from './audit.ts';
import type { RequestLimits } from './limits.ts';

/** What a checkpoint request may use. */
export interface CheckpointRequest {
  method: string;
  /** Decoded path without query. */
  path: string;
  /** The query as it came, without the question mark. */
  query: string;
  accept: string | undefined;
  facts: RequestFacts;
  signal: AbortSignal;
}

/** A plain text answer, in the bytes that Go's server would send. */
export function plain(
  status: number,
  body: string,
  headers: Record<string, string> = {},
  type: string = plainText,
): Response {
  return new Response(body, {
    status,
    headers: { ...headers, 'content-type': type, 'content-length': String(Buffer.byteLength(body)) },
  });
}

/**
 * Answers `POST /checkpoint/{namespace}/{pod}/{container}` of a request that has been let in, with the kubelet's
 * checks in the kubelet's order: method, path, Accept, pod, container, timeout, and then the work itself.
 */
export async function answerCheckpoint(
  checkpointer: Checkpointer,
  limits: RequestLimits,
  request: CheckpointRequest,
): Promise<Response> {
  const target = parseCheckpointPath(request.path);
  if (!target) return plain(404, bodies.pageNotFound);
  if (request.method !== 'POST') return plain(405, bodies.methodNotAllowed, { allow: 'POST' });
  if (!acceptsJson(request.accept)) return plain(406, bodies.notAcceptable);
  const containers = await checkpointer.containersOf(target.namespace, target.pod, request.signal);
  if (!containers) return plain(404, bodies.podUnknown);
  if (!containers.includes(target.container)) return plain(404, bodies.containerUnknown(target.container));
  const timeout = timeoutOf(request.query);
  if (timeout === undefined) return plain(404, bodies.badTimeout);
  const leave = limits.enter(request.facts.user?.name ?? '');
  if (typeof leave !== 'function') {
    return plain(429, leave.why, { 'retry-after': String(leave.retryAfter) });
  }
  try {
    return await checkpoint(checkpointer, target, timeout, request);
  } finally {
    leave();
  }
}

async function checkpoint(
  checkpointer: Checkpointer,
  target: CheckpointTarget,
  timeout: bigint,
  { facts, signal }: CheckpointRequest,
): Promise<Response> {
  try {
    const { path } = await checkpointer.checkpoint(target, timeout, signal);
    facts.archive = path;
    const body = JSON.stringify({ items: [path] } satisfies CheckpointResponse);
    const headers = { 'content-type': jsonType, 'content-length': String(Buffer.byteLength(body)) };
    return new Response(body, { status: 200, headers });
  } catch (error) {
    facts.error = messageOf(error);
    if (isCoded(error) && error.data['second'] === true) {
      const later: Record<string, string> = error.code === 'busy' ? { 'retry-after': '1' } : {};
      return plain(httpStatus(error.code), error.message, later);
    }
    const hint = isCoded(error) && error.hint ? `: ${error.hint}` : '';
    return plain(500, bodies.failed(target, `${facts.error}${hint}`));
  }
}

/** Seconds asked for, 0 where nothing is; undefined where the last value is no number. Read as Go reads it. */
function timeoutOf(query: string): bigint | undefined {
  const usable = query.split('&').filter((pair) => !pair.includes(';') && !/%(?![0-9a-f]{2})/i.test(pair));
  const values = new URLSearchParams(usable.join('&')).getAll(timeoutParameter);
  const last = values.at(-1);
  return last === undefined ? 0n : parseTimeout(last);
}
