import { apiRoot, endpoints } from '../api/endpoints.ts';
import { isCheckpointPath } from '../api/kubelet-checkpoint.ts';

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
  /** `create`, `get`, `update`, `patch`, `delete`, a verb of our own, or empty for any other method. */
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
  [endpoints.health.path, ['healthz', 'proxy']],
  [endpoints.ready.path, ['healthz', 'proxy']],
  [endpoints.metrics.path, ['metrics']],
  [endpoints.document.path, ['healthz', 'proxy']],
  [endpoints.node.path, ['healthz', 'proxy']],
  [endpoints.runtime.path, ['healthz', 'proxy']],
  [endpoints.pods.path, ['pods', 'proxy']],
  [endpoints.devices.path, ['pods', 'proxy']],
  [endpoints.cpus.path, ['pods', 'proxy']],
  [endpoints.checkpoints.path, ['checkpoint']],
  [endpoints.insert.path, ['checkpoint']],
  [endpoints.operations.path, ['checkpoint']],
  [endpoints.restore.path, ['restore']],
  [endpoints.drain.path, ['drain']],
  [endpoints.uncordon.path, ['drain']],
  [endpoints.stateFiles.path, ['state']],
];

/** Making checkpoints, below the pods. */
const makes = new RegExp(`^${apiRoot}/pods/[^/]+/[^/]+/(?:containers/[^/]+/)?checkpoint$`);
/** What shows memory, arguments or environments: secrets. All of it only reads, whatever the method. */
const shows = new RegExp(
  `^${apiRoot}/(?:extract|checkpoints/[^/]+/(?:archive|inspect|search|verify|members?|extract|diff|memory(?:/content)?|core|image))$`,
);

/**
 * What makes one archive of another, and what changes state files: verbs of their own, for whoever may make
 * checkpoints, or look at state, need not do that.
 */
const ownVerbs = new RegExp(
  `^${apiRoot}/(?:(?=insert$)|checkpoints/[^/]+/(?=convert$|edit$)|state/(?=repair$|convert$|reset$))(\\w+)$`,
);

/** A command can do everything that its container can, as can who types into it: whoever may list pods may do neither. */
const streams = new RegExp(`^${apiRoot}/pods/[^/]+/[^/]+/(exec|attach|portforward|log)$`);

/** The attributes of a request with this method and decoded path. */
export function attributesOf(method: string, path: string, node: string): Attributes {
  return {
    verb: verbOf(method, path),
    apiGroup: '',
    apiVersion: 'v1',
    resource: 'nodes',
    subresources: subresourcesOf(path),
    name: node,
  };
}

function verbOf(method: string, path: string): string {
  if (method === 'POST' && shows.test(path)) return 'get';
  const own = method === 'POST' ? ownVerbs.exec(path)?.[1] : undefined;
  return own ?? verbs[method] ?? '';
}

function subresourcesOf(path: string): readonly string[] {
  if (isCheckpointPath(path)) return ['checkpoint'];
  if (makes.test(path)) return ['checkpoint'];
  if (shows.test(path)) return ['checkpoint-content'];
  const stream = streams.exec(path)?.[1];
  if (stream !== undefined) return stream === 'log' ? ['log', 'proxy'] : [stream];
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
