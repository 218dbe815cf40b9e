import { Buffer } from 'node:buffer';
import { CodedError } from '../errors/coded-error.ts';
import { configKey, label, subdomain } from './manifest-fields.ts';
import { allContainers, type Pod, podName } from './pod.ts';
import { type Field, flag, mapOf, meaningless, object, oneOf, Reading, text } from './schema.ts';

/** A ConfigMap or a Secret of this node. */
export interface ConfigObject {
  kind: 'ConfigMap' | 'Secret';
  namespace: string;
  name: string;
  /** Key → content in base64. */
  data: Record<string, string>;
}

/** Bytes of all values together; Kubernetes' own limit. */
const largest = 1 << 20;

const base64: Field<string> = (value, path, reading) =>
  typeof value === 'string' && /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value)
    ? value
    : reading.refuse(path, 'is not base64');

const metadata = object(
  {
    name: subdomain,
    namespace: label,
    labels: mapOf(text),
    annotations: mapOf(text),
    // What an API server adds to its copy.
    uid: meaningless(),
    resourceVersion: meaningless(),
    creationTimestamp: meaningless(),
  },
  ['name'],
);
const head = { apiVersion: oneOf('v1'), metadata, immutable: flag } as const;
const configMap = object(
  { ...head, kind: oneOf('ConfigMap'), data: mapOf(text), binaryData: mapOf(base64) },
  ['kind', 'apiVersion', 'metadata'],
);
const secret = object(
  { ...head, kind: oneOf('Secret'), type: text, data: mapOf(base64), stringData: mapOf(text) },
  ['kind', 'apiVersion', 'metadata'],
);

/** @throws CodedError `invalid-argument` with every field that is refused */
export function decodeConfigObject(data: unknown, file: string): ConfigObject {
  const reading = new Reading();
  const { kind } = data as { kind?: unknown };
  const found = kind === 'Secret' ? secretOf(data, reading) : configMapOf(data, reading);
  for (const key of Object.keys(found?.data ?? {})) configKey(key, `data[${JSON.stringify(key)}]`, reading);
  const size = Object.values(found?.data ?? {}).reduce((sum, value) => sum + value.length * 0.75, 0);
  if (size > largest) reading.refuse('data', `has more than ${largest} bytes`);
  if (found && reading.problems.length === 0) return found;
  const lines = reading.problems.map(({ path, message }) => `${path || 'it'} ${message}`);
  throw new CodedError('invalid-argument', `reading ${file}: ${lines.join('; ')}`);
}

function configMapOf(data: unknown, reading: Reading): ConfigObject | undefined {
  const read = configMap(data, '', reading);
  if (!read) return undefined;
  const { name, namespace = 'default' } = read.metadata;
  return { kind: 'ConfigMap', namespace, name, data: { ...encoded(read.data), ...read.binaryData } };
}

function secretOf(data: unknown, reading: Reading): ConfigObject | undefined {
  const read = secret(data, '', reading);
  if (!read) return undefined;
  const { name, namespace = 'default' } = read.metadata;
  return { kind: 'Secret', namespace, name, data: { ...read.data, ...encoded(read.stringData) } };
}

function encoded(values: Record<string, string> = {}): Record<string, string> {
  const entries = Object.entries(values);
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
}

/** What a pod refers to, each once; `keys` are those it cannot do without. */
interface Wanted {
  kind: ConfigObject['kind'];
  name: string;
  optional: boolean;
  keys: string[];
}

function wantedBy(pod: Pod): Wanted[] {
  const wanted: Wanted[] = [];
  const add = (kind: Wanted['kind'], name: string, optional = false, keys: string[] = []) =>
    wanted.push({ kind, name, optional, keys: optional ? [] : keys });
  for (const { env, envFrom } of allContainers(pod)) {
    for (const { valueFrom } of env ?? []) {
      const { configMapKeyRef: map, secretKeyRef: hidden } = valueFrom ?? {};
      if (map) add('ConfigMap', map.name, map.optional, [map.key]);
      if (hidden) add('Secret', hidden.name, hidden.optional, [hidden.key]);
    }
    for (const { configMapRef: map, secretRef: hidden } of envFrom ?? []) {
      if (map) add('ConfigMap', map.name, map.optional);
      if (hidden) add('Secret', hidden.name, hidden.optional);
    }
  }
  for (const { configMap: map, secret: hidden } of pod.spec.volumes ?? []) {
    const keys = (map ?? hidden)?.items?.map(({ key }) => key);
    if (map) add('ConfigMap', map.name, map.optional, keys);
    if (hidden) add('Secret', hidden.secretName, hidden.optional, keys);
  }
  for (const { projected } of pod.spec.volumes ?? []) {
    for (const { configMap: map, secret: hidden } of projected?.sources ?? []) {
      const keys = (map ?? hidden)?.items?.map(({ key }) => key);
      if (map) add('ConfigMap', map.name, map.optional, keys);
      if (hidden) add('Secret', hidden.name, hidden.optional, keys);
    }
  }
  return wanted;
}

/**
 * The ConfigMaps and Secrets that a pod refers to: as its node has them now, else as the pod had them last.
 * @throws CodedError `failed-precondition` that names everything that is missing
 */
export function configurationOf(
  pod: Pod,
  current: readonly ConfigObject[],
  last: readonly ConfigObject[],
): ConfigObject[] {
  const { namespace } = pod.metadata;
  const found = new Map<string, ConfigObject>();
  const missing = new Set<string>();
  for (const { kind, name, optional, keys } of wantedBy(pod)) {
    const same = (item: ConfigObject) =>
      item.kind === kind && item.name === name && item.namespace === namespace;
    const object = current.find(same) ?? last.find(same);
    if (object) found.set(`${kind} ${name}`, object);
    else if (!optional) missing.add(`${kind} ${namespace}/${name}`);
    for (const key of keys) {
      if (object && !Object.hasOwn(object.data, key)) {
        missing.add(`key ${JSON.stringify(key)} in ${kind} ${namespace}/${name}`);
      }
    }
  }
  if (missing.size === 0) return [...found.values()];
  throw new CodedError(
    'failed-precondition',
    `pod ${podName(pod)} needs what is not there: ${[...missing].join(', ')}`,
    {
      hint: 'put a manifest of it into the directory of the pod manifests, a Secret with mode 0600',
    },
  );
}
