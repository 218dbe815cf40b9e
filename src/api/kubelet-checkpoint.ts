import { encodeSegment } from './endpoints.ts';

/**
 * The words of the Kubelet Checkpoint API: path, query, and every body it answers with. They belong to the
 * kubelet and are kept to the letter; clients compare them.
 */

/** Everything at this path and below it is the Kubelet Checkpoint API. */
export const checkpointRoot = '/checkpoint';

/** The one query parameter, in seconds. */
export const timeoutParameter = 'timeout';

/** Content type of every body that is not JSON. */
export const plainText = 'text/plain; charset=utf-8';
export const jsonType = 'application/json';

export interface CheckpointTarget {
  namespace: string;
  /** Name of the pod; the kubelet calls it podID. */
  pod: string;
  container: string;
}

/** Body of a 200: paths on the node, one for each archive. */
export interface CheckpointResponse {
  items: string[];
}

export function checkpointPath(target: CheckpointTarget, timeoutSeconds?: number | bigint): string {
  const parts = [target.namespace, target.pod, target.container].map(encodeSegment).join('/');
  const query = timeoutSeconds === undefined ? '' : `?${timeoutParameter}=${timeoutSeconds}`;
  return `${checkpointRoot}/${parts}${query}`;
}

/** The target that a decoded path names, or undefined where it has another number of segments. */
export function parseCheckpointPath(path: string): CheckpointTarget | undefined {
  const parts = path.replace(/^\/+|\/+$/g, '').split('/');
  const [root, namespace, pod, container] = parts;
  if (parts.length !== 4 || `/${root}` !== checkpointRoot) return undefined;
  if (!namespace || !pod || !container) return undefined;
  return { namespace, pod, container };
}

/** Whether the decoded path belongs to this API at all. */
export function isCheckpointPath(path: string): boolean {
  return path === checkpointRoot || path.startsWith(`${checkpointRoot}/`);
}

/** What `timeout` asks for: undefined where the text is not a number that Go's ParseInt would take. */
export function parseTimeout(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]{1,64}$/.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ''));
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

/**
 * The deadline that a timeout stands for, in seconds: the kubelet raises whatever is shorter than its
 * `runtimeRequestTimeout` to that. Bounded to 292 years, where Go's own arithmetic ends.
 */
export function effectiveTimeout(asked: bigint, runtimeRequestTimeout: number): number {
  const bounded = asked > 9_223_372_036n ? 9_223_372_036 : Number(asked);
  return Math.max(bounded, runtimeRequestTimeout);
}

/** Whether the header lets us answer in JSON, by go-restful's rule: neither ranges nor weights are looked at. */
export function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept === '') return true;
  return accept
    .split(',')
    .map((part) => (part.split(';')[0] ?? '').trim())
    .some((type) => type === '*/*' || type === jsonType);
}

export const bodies = {
  unauthorized: 'Unauthorized',
  methodNotAllowed: '405: Method Not Allowed',
  pageNotFound: '404: Page Not Found',
  notAcceptable: `406: Not Acceptable\n\nAvailable representations: ${jsonType}`,
  /** What a path outside of every route is answered with. */
  notFound: '404 page not found\n',
  podUnknown: 'pod does not exist',
  containerUnknown: (container: string) => `container ${container} does not exist`,
  badTimeout: 'cannot parse value of timeout parameter',
  failed: (target: CheckpointTarget, reason: string) =>
    `checkpointing of ${target.namespace}/${target.pod}/${target.container} failed (${reason})`,
  /** Reasons of a failure that the kubelet itself finds. */
  notRunning: (container: string) => `container ${container} not found`,
  negativeTimeout: 'CheckpointContainer requires the timeout value to be > 0',
} as const;
