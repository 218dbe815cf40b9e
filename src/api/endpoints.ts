import { archiveEndpoints } from './archive-endpoints.ts';
import { apiRoot, container, type Endpoint, json, none, one, type Parameter, text } from './endpoint.ts';
import { stateEndpoints } from './state-endpoints.ts';

/** Every path of the daemon with what may be asked of it: the routes and the OpenAPI document are made from it. */

export { apiRoot, type Endpoint, type Parameter } from './endpoint.ts';

const timeout: Parameter = {
  type: 'integer',
  maximum: 999_999_999,
  about: 'Seconds after which it is given up; 0 for the default of the node.',
};
const asynchronous: Parameter = {
  type: 'boolean',
  about: 'Answer at once with an operation that goes on without the client.',
};
const volumes: Parameter = {
  type: 'string',
  values: ['emptydir', 'none'],
  about: 'Which volumes of the pod are captured with it; emptydir where it is left out.',
};
const pod = `${apiRoot}/pods/{namespace}/{pod}`;

export const endpoints = {
  live: {
    method: 'GET',
    path: '/livez',
    about: 'Whether the daemon runs.',
    open: true,
    answers: { 200: text('ok') },
  },
  ready: {
    method: 'GET',
    path: '/readyz',
    about: 'Whether the daemon can do its work: it reaches its container runtime, and may write checkpoints.',
    query: { verbose: { type: 'string', about: 'One line for each check.' } },
    answers: { 200: text('ok, or one line for each check') },
  },
  health: {
    method: 'GET',
    path: '/healthz',
    about: 'The same as the kubelet has it.',
    answers: { 200: text('ok') },
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    about: 'Metrics in the text format of Prometheus.',
    answers: { 200: { about: 'metrics', type: 'text/plain; version=0.0.4; charset=utf-8' } },
  },
  document: {
    method: 'GET',
    path: '/openapi.json',
    about: 'This document.',
    answers: { 200: json('Document', 'OpenAPI 3.1') },
  },
  kubeletCheckpoint: {
    method: 'POST',
    path: '/checkpoint/{namespace}/{pod}/{container}',
    about: 'The Kubelet Checkpoint API, with the answers of the kubelet.',
    query: { timeout: { type: 'string', about: 'Seconds, as the kubelet reads them.' } },
    answers: { 200: json('KubeletCheckpoint', 'Paths of the archives on the node.') },
  },
  node: {
    method: 'GET',
    path: `${apiRoot}/node`,
    about: 'The node and its container runtime.',
    answers: { 200: json('Node', 'The node.') },
  },
  runtime: {
    method: 'GET',
    path: `${apiRoot}/runtime`,
    about: 'Which container runtime the node has and whether it can checkpoint.',
    answers: { 200: json('Runtime', 'The container runtime.') },
  },
  pods: {
    method: 'GET',
    path: `${apiRoot}/pods`,
    about: 'The pods that the daemon runs.',
    answers: { 200: json('PodList', 'The pods.') },
  },
  devices: {
    method: 'GET',
    path: `${apiRoot}/devices`,
    about: 'The devices that plugins bring, and which container has them.',
    answers: { 200: json('DeviceList', 'The devices.') },
  },
  cpus: {
    method: 'GET',
    path: `${apiRoot}/cpus`,
    about: 'The CPUs: reserved, shared, and which container has which for itself.',
    answers: { 200: json('CpuList', 'The CPUs.') },
  },
  pod: {
    method: 'GET',
    path: pod,
    about: 'A pod with all that is known of it: description, network, what happened to it.',
    answers: { 200: json('PodDescription', 'The pod.') },
  },
  exec: {
    method: 'POST',
    path: `${pod}/exec`,
    about:
      'Run a command in a container. Its streams are opened at the path that comes back, over WebSocket.',
    body: 'ExecRequest',
    answers: { 200: json('Stream', 'Where the streams are opened, once and within a minute.') },
  },
  attach: {
    method: 'POST',
    path: `${pod}/attach`,
    about:
      'Be connected to what a container reads and writes. Its streams are opened at the path that comes back, over WebSocket.',
    body: 'AttachRequest',
    bodyOptional: true,
    answers: { 200: json('Stream', 'Where the streams are opened, once and within a minute.') },
  },
  portForward: {
    method: 'POST',
    path: `${pod}/portforward`,
    about:
      'One connection to each of these ports of a pod. They are opened at the path that comes back, over WebSocket: two channels for each port, for data and for what is wrong, which begin with its number in two bytes.',
    body: 'PortForwardRequest',
    answers: { 200: json('Stream', 'Where the connections are opened, once and within a minute.') },
  },
  log: {
    method: 'GET',
    path: `${pod}/log`,
    about: 'What a container has written. It is read at the path that comes back, over WebSocket.',
    query: {
      container: { type: 'string', about: 'The container; the first of the pod where left out.' },
      tail: { type: 'integer', maximum: 999_999_999, about: 'Only so many of the last lines.' },
      follow: { type: 'boolean', about: 'Go on with what is written until the container ends.' },
      previous: { type: 'boolean', about: 'Of the run before this one.' },
    },
    answers: { 200: json('Stream', 'Where it is read, once and within a minute.') },
  },
  deletePod: {
    method: 'DELETE',
    path: pod,
    about: 'End a pod that no manifest describes.',
    answers: { 204: none('The pod is gone.') },
  },
  checkpointPod: {
    method: 'POST',
    path: `${pod}/checkpoint`,
    about: 'Checkpoint all running containers of a pod in one cut; they go on running.',
    query: { timeout, volumes, async: asynchronous },
    answers: {
      200: json('PodCheckpoint', 'The archive.'),
      202: json('Operation', 'With async: the operation.'),
    },
  },
  checkpointContainer: {
    method: 'POST',
    path: `${pod}/containers/{container}/checkpoint`,
    about: 'Checkpoint one container; it goes on running.',
    query: { timeout, async: asynchronous },
    answers: {
      200: json('ContainerCheckpoint', 'The archive.'),
      202: json('Operation', 'With async: the operation.'),
    },
  },
  operations: {
    method: 'GET',
    path: `${apiRoot}/operations`,
    about: 'Checkpoints that go on without a client, and those that ended a while ago.',
    answers: { 200: json('OperationList', 'The operations, oldest first.') },
  },
  operation: {
    method: 'GET',
    path: `${apiRoot}/operations/{operation}`,
    about: 'How far a checkpoint is, or what came of it.',
    answers: { 200: json('Operation', 'The operation.') },
  },
  operationEvents: {
    method: 'GET',
    path: `${apiRoot}/operations/{operation}/events`,
    about:
      'The operation now and whenever it changes, until it ends: server-sent events named progress and end.',
    answers: { 200: { about: 'The data of each event is an Operation.', type: 'text/event-stream' } },
  },
  cancelOperation: {
    method: 'DELETE',
    path: `${apiRoot}/operations/{operation}`,
    about:
      'Cancel a checkpoint that is being made and wait until nothing of it is left; forget one that has ended.',
    answers: { 200: json('Operation', 'The operation as it ended.') },
  },
  drain: {
    method: 'POST',
    path: `${apiRoot}/drain`,
    about: 'Checkpoint every pod and end it.',
    query: { timeout, volumes },
    answers: { 200: json('DrainResult', 'The archives.') },
  },
  uncordon: {
    method: 'POST',
    path: `${apiRoot}/uncordon`,
    about: 'Take pods again, and continue those that were drained.',
    answers: { 200: json('Node', 'The node.') },
  },
  restore: {
    method: 'POST',
    path: `${apiRoot}/restore`,
    about:
      'Make a pod that continues from an archive on the node: one that is kept, by its name, or any, by its path.',
    body: 'RestoreRequest',
    answers: { 200: json('RestoreResult', 'The pod.') },
  },
  restorePreflight: {
    method: 'POST',
    path: `${apiRoot}/restore/preflight`,
    about: 'What a restore would lack on this node. Nothing is made or fetched.',
    body: 'RestoreRequest',
    answers: { 200: json('RestorePreflight', 'What is missing.') },
  },
  checkpoints: {
    method: 'GET',
    path: `${apiRoot}/checkpoints`,
    about: 'The archives in the checkpoints directory.',
    answers: { 200: json('CheckpointList', 'The archives.') },
  },
  checkpoint: {
    method: 'GET',
    path: one,
    about: 'What is known of one archive: where it comes from, what it takes, who keeps it.',
    answers: { 200: json('CheckpointDescription', 'The archive.') },
  },
  deleteCheckpoint: {
    method: 'DELETE',
    path: one,
    about: 'Delete an archive. One that is pinned is not deleted without force.',
    query: { force: { type: 'boolean', about: 'Delete it although it is pinned.' } },
    answers: { 204: none('The archive is gone.') },
  },
  download: {
    method: 'GET',
    path: `${one}/archive`,
    about:
      'The bytes of an archive: memory, with all secrets in it. Range, If-Range and If-None-Match are honoured.',
    answers: {
      200: { about: 'All bytes.', type: 'application/x-tar' },
      206: { about: 'The range that was asked for.', type: 'application/x-tar' },
      304: none('If-None-Match names what is there.'),
    },
  },
  pin: {
    method: 'PUT',
    path: `${one}/pin`,
    about: 'Keep an archive from being deleted.',
    body: 'PinRequest',
    bodyOptional: true,
    answers: { 200: json('CheckpointDescription', 'The archive.') },
  },
  unpin: {
    method: 'DELETE',
    path: `${one}/pin`,
    about: 'Let an archive be deleted again.',
    answers: { 200: json('CheckpointDescription', 'The archive.') },
  },
  inspect: {
    method: 'GET',
    path: `${one}/inspect`,
    about: 'What is in the checkpoint of a container, as `stasis inspect --format json` prints it.',
    query: {
      container,
      processes: { type: 'boolean', about: 'The process tree.' },
      arguments: { type: 'boolean', about: 'The process tree with arguments.' },
      environment: { type: 'boolean', about: 'The process tree with environments.' },
      statistics: { type: 'boolean', about: 'What CRIU measured.' },
      mounts: { type: 'boolean', about: 'The mounts.' },
      metadata: { type: 'boolean', about: 'Pod and annotations.' },
      sections: { type: 'string', about: 'Names of further sections with commas between them, or all.' },
    },
    answers: { 200: json('Inspection', 'What is in it.') },
  },
  search: {
    method: 'POST',
    path: `${one}/search`,
    about:
      'Search the memory in the checkpoint of a container. Each hit is a line of JSON, sent as it is found.',
    query: { container },
    body: 'SearchRequest',
    answers: {
      200: {
        about: 'One SearchHit or SearchEnd on each line; the last is a SearchEnd.',
        type: 'application/jsonl',
      },
    },
  },
  stateFiles: {
    method: 'GET',
    path: `${apiRoot}/state`,
    about: 'The state files of the kubelet: kind, version, whether they are whole.',
    answers: { 200: json('StateFileList', 'The files.') },
  },
  verifyState: {
    method: 'GET',
    path: `${apiRoot}/state/verify`,
    about: 'Whether the kubelet will start with its state files, as `stasis state verify -o json` prints it.',
    answers: { 200: json('StateReportList', 'One report for each file.') },
  },
  stateContent: {
    method: 'GET',
    path: `${apiRoot}/state/content`,
    about: 'What is in one state file.',
    query: { file: { type: 'string', required: true, about: 'Its name in the list.' } },
    answers: { 200: json('StateContent', 'What is in it.') },
  },
  ...archiveEndpoints,
  ...stateEndpoints,
} as const satisfies Record<string, Endpoint>;

export type EndpointName = keyof typeof endpoints;

export const endpointNames = Object.keys(endpoints) as readonly EndpointName[];

/** One endpoint with its optional members, which the table's own type does not have everywhere. */
export function endpointOf(name: EndpointName): Endpoint {
  return endpoints[name];
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The request target of an endpoint with its parts filled in; what is undefined is left out of the query. */
export function targetOf(
  name: EndpointName,
  parts: Readonly<Record<string, string>> = {},
  query: Query = {},
): string {
  const path = endpoints[name].path.replace(/\{(\w+)\}/g, (_, part: string) =>
    encodeSegment(parts[part] ?? ''),
  );
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${encodeURIComponent(String(value))}`],
  );
  return pairs.length > 0 ? `${path}?${pairs.join('&')}` : path;
}

/** One decoded path segment as it stands in a URL; `.` and `..` would be resolved away by clients. */
export function encodeSegment(text: string): string {
  const encoded = encodeURIComponent(text);
  return /^\.{1,2}$/.test(encoded) ? encoded.replaceAll('.', '%2E') : encoded;
}
