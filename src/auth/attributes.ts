import { isCheckpointPath } from '../api/kubelet-checkpoint.ts';
import { apiRoot, healthz } from '../api/stasis.ts';

/** Who sent a request. */
export interface User {
  name: string;
  uid: string;
  groups: readonly string[];
  /** What the API server's authorizers want to know besides, by key. */
  extra?: Readonly<Record<string, readonly string[]>>;
}

/** What is asked of an authorizer: the kubelet's own mapping of a request to a node resource. */
export interface Attributes {
  /** `create`, `get`, `update`, `patch`, `delete`, or empty for any other method. */
  verb: string;
  apiGroup: '';
  apiVersion: 'v1';
  resource: 'nodes';
  /** Subresources in the order in which they are tried; one that allows is enough. */
  subresources: readonly string[];
  /** Name of this node. */
  name: string;
}

const verbs: Record<string, string> = {
  POST: 'create',
  GET: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/**
 * Path prefixes with subresources of their own, first match wins. `nodes/checkpoint` is not replaced by
 * `nodes/proxy`; health and pods are, as since Kubernetes 1.33. The rows of our own API come with `nodes/proxy`
 * only where the request shows neither memory nor ends a pod.
 */
const prefixes: readonly (readonly [prefix: string, subresources: readonly string[]])[] = [
  [healthz, ['healthz', 'proxy']],
  ['/readyz', ['healthz', 'proxy']],
  ['/metrics', ['metrics']],
  ['/openapi.json', ['healthz', 'proxy']],
  [`${apiRoot}/node`, ['healthz', 'proxy']],
  [`${apiRoot}/pods`, ['pods', 'proxy']],
  [`${apiRoot}/devices`, ['pods', 'proxy']],
  [`${apiRoot}/checkpoints`, ['checkpoint']],
  [`${apiRoot}/restore`, ['restore']],
  [`${apiRoot}/drain`, ['drain']],
  [`${apiRoot}/uncordon`, ['drain']],
];

const podCheckpoint = /^\/apis\/stasis\/v1\/pods\/[^/]+\/[^/]+\/checkpoint$/;

/** The attributes of a request with this method and decoded path. */
export function attributesOf(method: string, path: string, node: string): Attributes {
  return {
    verb: verbs[method] ?? '',
    apiGroup: '',
    apiVersion: 'v1',
    resource: 'nodes',
    subresources: subresourcesOf(path),
    name: node,
  };
}

function subresourcesOf(path: string): readonly string[] {
  if (isCheckpointPath(path)) return ['checkpoint'];
  if (podCheckpoint.test(path)) return ['checkpoint'];
  const found = prefixes.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`));
  return found ? found[1] : ['proxy'];
}

/** Body of a 403, in the kubelet's words. */
export function forbiddenText(user: User, attributes: Attributes): string {
  return `Forbidden (user=${user.name}, verb=${attributes.verb}, resource=${attributes.resource}, subresource(s)=[${attributes.subresources.join(' ')}])\n`;
}

/** Body of a 500 where the authorizer itself failed, in the kubelet's words. */
export function authorizationErrorText(user: User, attributes: Attributes): string {
  return `Authorization error (user=${user.name}, verb=${attributes.verb}, resource=${attributes.resource}, subresource=${attributes.subresources.join(',')})`;
}
