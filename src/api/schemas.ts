import { errorCodes } from '../errors/code.ts';

/** The shapes of all bodies as JSON Schema 2020-12. Members that are not named are refused, but where said. */

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const path: Schema = { type: 'string', pattern: '^/' };
const flag: Schema = { type: 'boolean' };
const count: Schema = { type: 'integer', minimum: 0 };
const time: Schema = { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?Z$' };
const refer = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const listOf = (items: Schema): Schema => ({ type: 'array', items });
const oneOf = (...values: readonly string[]): Schema => ({ enum: values });
/** An object with exactly these members; a question mark at the end of a name lets it be absent. */
function exactly(members: Readonly<Record<string, Schema>>): Schema {
  const entries = Object.entries(members);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, schema]) => [name.replace(/\?$/, ''), schema])),
    required: entries.flatMap(([name]) => (name.endsWith('?') ? [] : [name])),
    additionalProperties: false,
  };
}
const typed = (kind: string) => ({ apiVersion: oneOf('stasis/v1'), kind: oneOf(kind) });
const list = (kind: string, item: string): Schema => exactly({ ...typed(kind), items: listOf(refer(item)) });

const checkpointSummary = {
  name: text,
  path: text,
  kind: oneOf('container', 'pod'),
  namespace: text,
  pod: text,
  'container?': text,
  created: time,
  size: count,
  pinned: flag,
};

const podSummary = {
  namespace: text,
  name: text,
  uid: text,
  phase: oneOf('Pending', 'Running', 'Succeeded', 'Failed', 'Stopped'),
  sandboxId: text,
  source: oneOf('file', 'checkpoint'),
  restored: flag,
  ready: flag,
  message: text,
  containers: listOf(refer('ContainerSummary')),
};

const madeCheckpoint = {
  namespace: text,
  name: text,
  archive: text,
  size: count,
  'frozenMicroseconds?': count,
};

/** Further members are of the file's own kind, or those of a section. */
const open = (members: Readonly<Record<string, Schema>>): Schema => ({
  ...exactly(members),
  additionalProperties: true,
});

export const schemas = {
  Error: exactly({
    error: exactly({ code: oneOf(...errorCodes), message: text, 'hint?': text }),
  }),
  Document: open({
    openapi: oneOf('3.1.1'),
    info: open({ title: text, version: text }),
    paths: { type: 'object' },
  }),
  KubeletCheckpoint: exactly({ items: listOf(text) }),
  Node: exactly({
    ...typed('Node'),
    name: text,
    version: text,
    rootDirectory: text,
    runtime: exactly({ name: text, version: text }),
    hostIP: text,
    oldSandboxes: listOf(exactly({ folder: text, count })),
    drained: flag,
  }),
  Runtime: exactly({
    ...typed('Runtime'),
    builtIn: flag,
    'socket?': text,
    name: text,
    version: text,
    apiVersionOfRuntime: text,
    canCheckpoint: flag,
    'why?': text,
    'hint?': text,
    criu: exactly({ 'version?': text, 'problem?': text }),
    dockershimSandboxes: count,
  }),
  ContainerSummary: exactly({
    name: text,
    image: text,
    id: text,
    state: oneOf('waiting', 'created', 'running', 'exited', 'unknown'),
    restarts: count,
    'exitCode?': { type: 'integer' },
    init: flag,
    'sidecar?': flag,
    ready: flag,
    'message?': text,
  }),
  Pod: exactly(podSummary),
  PodDescription: exactly({
    ...typed('Pod'),
    ...podSummary,
    pod: { type: 'object' },
    'manifest?': text,
    seen: time,
    network: oneOf('host', 'pod', 'loopback', ''),
    address: text,
    configuration: listOf(text),
    events: listOf(exactly({ time, level: oneOf('info', 'warn'), message: text, count })),
  }),
  ExecRequest: exactly({ 'container?': text, command: listOf(text), 'stdin?': flag, 'tty?': flag }),
  Stream: exactly({ ...typed('Stream'), path: text }),
  PodList: list('PodList', 'Pod'),
  Device: exactly({
    resource: text,
    id: text,
    health: oneOf('Healthy', 'Unhealthy', 'Unknown'),
    numaNodes: listOf({ type: 'integer' }),
    'namespace?': text,
    'pod?': text,
    'podUid?': text,
    'container?': text,
  }),
  Cpus: exactly({
    cpus: text,
    count,
    use: oneOf('reserved', 'shared', 'exclusive'),
    'namespace?': text,
    'pod?': text,
    'podUid?': text,
    'container?': text,
  }),
  CpuList: list('CpuList', 'Cpus'),
  DeviceList: list('DeviceList', 'Device'),
  PodCheckpoint: exactly({ ...madeCheckpoint, sandboxId: text }),
  ContainerCheckpoint: exactly({ ...madeCheckpoint, pod: text, container: text }),
  DrainResult: exactly({ ...typed('DrainResult'), pods: listOf(refer('PodCheckpoint')) }),
  RestoreRequest: exactly({
    archive: path,
    'name?': text,
    'namespace?': text,
    'volumes?': { type: 'object', additionalProperties: path },
    'tcp?': oneOf('established', 'close'),
  }),
  RestoreResult: exactly({ ...typed('RestoreResult'), pod: refer('Pod') }),
  Operation: exactly({
    ...typed('Operation'),
    id: text,
    target: exactly({ namespace: text, pod: text, 'container?': text }),
    by: text,
    state: oneOf('running', 'succeeded', 'failed', 'cancelled'),
    stage: oneOf('waiting', 'freezing', 'dumping', 'archiving', 'digest', 'done'),
    'written?': count,
    'estimated?': count,
    created: time,
    'finished?': time,
    'result?': { oneOf: [refer('PodCheckpoint'), refer('ContainerCheckpoint')] },
    'digest?': { type: 'string', pattern: '^sha256:[0-9a-f]{64}$' },
    'error?': exactly({ code: oneOf(...errorCodes), message: text, 'hint?': text }),
  }),
  OperationList: list('OperationList', 'Operation'),
  Pin: exactly({ by: text, at: time, reason: text }),
  PinRequest: exactly({ 'reason?': { type: 'string', maxLength: 1000 } }),
  Checkpoint: exactly(checkpointSummary),
  CheckpointList: list('CheckpointList', 'Checkpoint'),
  CheckpointDescription: exactly({
    ...checkpointSummary,
    'pin?': refer('Pin'),
    containers: listOf(
      exactly({
        name: text,
        id: text,
        image: text,
        engine: text,
        runtime: text,
        checkpointed: text,
        imagesBytes: count,
        pagesBytes: count,
        rootfsBytes: count,
      }),
    ),
    'problem?': text,
  }),
  Inspection: open({
    container_name: text,
    image: text,
    id: text,
    engine: text,
    checkpoint_size: { type: 'object' },
  }),
  SearchRequest: exactly({
    'pattern?': { type: 'string', minLength: 1, maxLength: 4096 },
    'as?': oneOf('literal', 'regex', 'hex', 'utf16'),
    'ignoreCase?': flag,
    'secrets?': flag,
    'pids?': { type: 'array', maxItems: 1000, items: { type: 'integer', minimum: 1, maximum: 4294967295 } },
    'context?': { type: 'integer', minimum: 0, maximum: 4096 },
    'limit?': { type: 'integer', minimum: 1, maximum: 100000 },
  }),
  SearchHit: open({ address: text, map: text, rights: text, text, match: text, before: text, after: text }),
  SearchEnd: exactly({ end: oneOf('complete', 'limit', 'error'), hits: count, 'error?': text }),
  StateFile: exactly({
    name: text,
    path: text,
    kind: text,
    version: { type: ['string', 'null'] },
    title: text,
    size: { type: ['integer', 'null'], minimum: 0 },
    modified: { anyOf: [time, { type: 'null' }] },
    valid: flag,
    acceptedBy: listOf(text),
  }),
  StateFileList: list('StateFileList', 'StateFile'),
  StateReport: open({
    path: text,
    kind: text,
    valid: flag,
    kubelet: text,
    findings: listOf({ type: 'object' }),
  }),
  StateReportList: list('StateReportList', 'StateReport'),
  StateContent: exactly({
    ...typed('StateContent'),
    path: text,
    kindOfFile: text,
    version: { type: ['string', 'null'] },
    valid: flag,
    content: {},
  }),
} as const satisfies Record<string, Schema>;

export type SchemaName = keyof typeof schemas;
