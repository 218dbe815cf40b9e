import { type Json, type JsonObject, parseGoJson, printGoJson, RawNumber } from '../bytes/go-json.ts';
import { utf8 } from '../bytes/text.ts';
import { CodedError } from '../errors/coded-error.ts';

/** Name of the file, in a kubelet checkpoints directory, that lists the pods checkpointed there. */
export const checkpointedPodsFile = 'checkpointed.pods';

/** Members of ours in an entry's `extra`, besides the two that have fields of their own. */
export const entryMembers = {
  /** Which node's root directory the checkpoint was made in; gone once it was inserted somewhere. */
  node: 'io.stasis.node',
  /** RFC 3339 time at which a drain ended the pod after this checkpoint. */
  drained: 'io.stasis.drained',
  /** Microseconds for which the container that stood still longest stood still, as digits. */
  frozenMicroseconds: 'io.stasis.frozenMicroseconds',
} as const;

/** One container of a checkpointed pod. Absent strings are `''`, absent numbers 0, as in the file. */
export interface CheckpointedContainer {
  name: string;
  /** The runtime's id, without `containerd://` or the like. */
  id: string;
  terminationMessagePath: string;
  terminationMessagePolicy: string;
  restartCount: number;
  /** Unique part of the container's termination-log file; a pod with a container that lacks it is not restored. */
  terminationMessagePathUID: string;
  image: string;
  /** Members this program does not know, kept when the file is rewritten. */
  extra: JsonObject;
}

/** One checkpointed pod; its archive is `<sandboxId>.tar` beside the file. */
export interface CheckpointedPod {
  uid: string;
  sandboxId: string;
  name: string;
  /** Seconds. */
  terminationGracePeriod: number;
  namespace: string;
  /** The annotations kubernetes.io/config.source and kubernetes.io/config.seen of the pod. */
  configSource: string;
  configSeen: string;
  /** Who made the checkpoint, as `io.container.manager` says it. */
  manager: string;
  containers: CheckpointedContainer[];
  hostIP: string;
  podIP: string;
  podIPs: string[];
  /** RFC 3339 time at which a daemon began to restore this pod: an intent, kept if the daemon dies on the way. */
  restoring: string;
  /** RFC 3339 time at which this pod was restored; from then on it is not restored again. */
  restored: string;
  extra: JsonObject;
}

/** The content of `checkpointed.pods`. */
export interface CheckpointedPods {
  /** Always 0 so far; checked by nobody. */
  version: number;
  pods: CheckpointedPod[];
  extra: JsonObject;
}

type Kind = 'string' | 'int' | 'int32' | 'int64' | '[]string';
interface Field {
  /** Member name in the file. */
  key: string;
  kind: Kind;
  /** Written even when it is empty. */
  always?: boolean;
}

const containerFields = {
  name: { key: 'io.kubernetes.container.name', kind: 'string' },
  id: { key: 'id', kind: 'string' },
  terminationMessagePath: { key: 'io.kubernetes.container.terminationMessagePath', kind: 'string' },
  terminationMessagePolicy: { key: 'io.kubernetes.container.terminationMessagePolicy', kind: 'string' },
  restartCount: { key: 'io.kubernetes.container.restartCount', kind: 'int32' },
  terminationMessagePathUID: { key: 'terminationMessagePathUID', kind: 'string' },
  image: { key: 'Image', kind: 'string', always: true },
} as const satisfies Record<string, Field>;

const podFields = {
  uid: { key: 'io.kubernetes.pod.uid', kind: 'string' },
  sandboxId: { key: 'SandboxID', kind: 'string' },
  name: { key: 'io.kubernetes.pod.name', kind: 'string' },
  terminationGracePeriod: { key: 'io.kubernetes.pod.terminationGracePeriod', kind: 'int64' },
  namespace: { key: 'io.kubernetes.pod.namespace', kind: 'string' },
  configSource: { key: 'kubernetes.io/config.source', kind: 'string' },
  configSeen: { key: 'kubernetes.io/config.seen', kind: 'string' },
  manager: { key: 'io.container.manager', kind: 'string' },
} as const satisfies Record<string, Field>;

const podFieldsAfterContainers = {
  hostIP: { key: 'hostIP', kind: 'string' },
  podIP: { key: 'podIP', kind: 'string' },
  podIPs: { key: 'podIPs', kind: '[]string' },
  restoring: { key: 'io.stasis.restoring', kind: 'string' },
  restored: { key: 'io.stasis.restored', kind: 'string' },
} as const satisfies Record<string, Field>;

/** A pod entry with what is known filled in and everything else empty. */
export function checkpointedPod(
  known: Partial<CheckpointedPod> & Pick<CheckpointedPod, 'sandboxId' | 'name' | 'namespace'>,
): CheckpointedPod {
  return { ...decodePod(new Map(), ''), ...known };
}

/** A container entry with what is known filled in and everything else empty. */
export function checkpointedContainer(
  known: Partial<CheckpointedContainer> & Pick<CheckpointedContainer, 'name' | 'image'>,
): CheckpointedContainer {
  return { ...decodeContainer(new Map(), ''), ...known };
}

/**
 * Whether `id` may become part of a file name: what container runtimes use as ids, nothing that leaves the
 * directory, hides the file or collides with the list itself.
 */
export function isSandboxId(id: string): boolean {
  return id.length <= 250 && /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(id);
}

/** File name of the archive of the pod with this sandbox. @throws CodedError unless {@link isSandboxId}. */
export function podArchiveName(sandboxId: string): string {
  if (isSandboxId(sandboxId)) return `${sandboxId}.tar`;
  throw new CodedError('invalid-argument', `invalid SandboxID ${JSON.stringify(sandboxId)}`, {
    hint: 'a SandboxID names a file: letters, digits, "_", "." and "-", not starting with a sign, at most 250',
  });
}

/**
 * Reads `checkpointed.pods` as Go's decoder does: member names in any case, `null` for empty, unknown members
 * kept in `extra`. Sandbox ids are not checked here, so that a bad list can still be shown.
 * @throws CodedError `corrupt` in Go's words.
 */
export function decodeCheckpointedPods(bytes: Uint8Array): CheckpointedPods {
  const value = parseGoJson(bytes);
  if (value !== null && !(value instanceof Map)) {
    throw wrongType(value, 'value of type metadata.CheckpointMetadata');
  }
  const rest = new Members(value ?? new Map(), 'CheckpointMetadata', '');
  const version = rest.number('version', 'int');
  const pods = rest.list('CheckpointedPods', '[]metadata.CheckpointedPod');
  return {
    version,
    pods: pods.map((pod) =>
      decodePod(asObject(pod, 'CheckpointedPods', 'CheckpointedPod'), 'CheckpointedPods.'),
    ),
    extra: rest.left(),
  };
}

function decodePod(object: JsonObject, path: string): CheckpointedPod {
  const rest = new Members(object, 'CheckpointedPod', path);
  const before = rest.fields(podFields);
  const containers = rest.list('Containers', '[]metadata.CheckpointedContainer');
  const after = rest.fields(podFieldsAfterContainers);
  return {
    ...before,
    containers: containers.map((container) =>
      decodeContainer(
        asObject(container, `${path}Containers`, 'CheckpointedContainer'),
        `${path}Containers.`,
      ),
    ),
    ...after,
    extra: rest.left(),
  };
}

function decodeContainer(object: JsonObject, path: string): CheckpointedContainer {
  const rest = new Members(object, 'CheckpointedContainer', path);
  return { ...rest.fields(containerFields), extra: rest.left() };
}

/** The file as Go's MarshalIndent writes it: two spaces, no newline at the end. */
export function encodeCheckpointedPods(value: CheckpointedPods): Uint8Array<ArrayBuffer> {
  const members = new Map<string, Json>([
    ['version', value.version],
    ['CheckpointedPods', value.pods.length > 0 ? value.pods.map(encodePod) : null],
    ...value.extra,
  ]);
  return utf8(printGoJson(members, '  '));
}

function encodePod(pod: CheckpointedPod): JsonObject {
  const containers = pod.containers.map(
    (container): JsonObject => new Map([...encodeFields(container, containerFields), ...container.extra]),
  );
  return new Map<string, Json>([
    ...encodeFields(pod, podFields),
    ['Containers', containers.length > 0 ? containers : null],
    ...encodeFields(pod, podFieldsAfterContainers),
    ...pod.extra,
  ]);
}

function encodeFields<const F extends Readonly<Record<string, Field>>>(
  value: Values<F>,
  fields: F,
): [string, Json][] {
  const names = Object.keys(fields);
  return names.flatMap((name): [string, Json][] => {
    const member = (value as Readonly<Record<string, string | number | string[]>>)[name] ?? '';
    const empty = member === '' || member === 0 || (Array.isArray(member) && member.length === 0);
    const field = fields[name];
    return !field || (empty && !field.always) ? [] : [[field.key, member]];
  });
}

type Values<F extends Readonly<Record<string, Field>>> = {
  [K in keyof F]: F[K]['kind'] extends 'string'
    ? string
    : F[K]['kind'] extends '[]string'
      ? string[]
      : number;
};

/** The members of one object: each is taken once, what nobody took is left. */
class Members {
  readonly #object: JsonObject;
  readonly #struct: string;
  readonly #path: string;

  constructor(object: JsonObject, struct: string, path: string) {
    this.#object = new Map(object);
    this.#struct = struct;
    this.#path = path;
  }

  fields<const F extends Readonly<Record<string, Field>>>(fields: F): Values<F> {
    const entries = Object.entries(fields).map(([name, { key, kind }]) => [name, this.#field(key, kind)]);
    return Object.fromEntries(entries);
  }

  #field(key: string, kind: Kind): string | number | string[] {
    if (kind === '[]string') return this.list(key, kind).map((item) => this.#text(item, key));
    return kind === 'string' ? this.#text(this.#take(key), key) : this.number(key, kind);
  }

  number(key: string, kind: Kind): number {
    const value = this.#take(key) ?? 0;
    if (typeof value !== 'number' || !Number.isInteger(value)) throw this.#wrong(value, key, kind);
    if (kind === 'int32' && (value | 0) !== value) throw this.#wrong(value, key, kind);
    return value;
  }

  list(key: string, kind: string): Json[] {
    const value = this.#take(key) ?? [];
    if (!Array.isArray(value)) throw this.#wrong(value, key, kind);
    return value;
  }

  left(): JsonObject {
    return this.#object;
  }

  #text(value: Json | undefined, key: string): string {
    if (value === null || value === undefined) return '';
    if (typeof value !== 'string') throw this.#wrong(value, key, 'string');
    return value;
  }

  #wrong(value: Json, key: string, kind: string): CodedError {
    return wrongType(value, `struct field ${this.#struct}.${this.#path}${key} of type ${kind}`);
  }

  /** The value under `key`, in any case; of several the last one, as Go has it. */
  #take(key: string): Json | undefined {
    const folded = key.toLowerCase();
    let value: Json | undefined;
    for (const [name, member] of this.#object) {
      if (name.toLowerCase() !== folded) continue;
      if (member !== null || value === undefined) value = member;
      this.#object.delete(name);
    }
    return value;
  }
}

function asObject(value: Json, path: string, struct: string): JsonObject {
  if (value === null) return new Map();
  if (value instanceof Map) return value;
  throw wrongType(value, `struct field CheckpointMetadata.${path} of type metadata.${struct}`);
}

function wrongType(value: Json, target: string): CodedError {
  return new CodedError('corrupt', `json: cannot unmarshal ${kindOf(value, target)} into Go ${target}`);
}

function kindOf(value: Json, target: string): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (Array.isArray(value)) return 'array';
  if (value instanceof Map) return 'object';
  const text = value instanceof RawNumber ? value.text : String(value);
  return / of type int/.test(target) ? `number ${text}` : 'number';
}
