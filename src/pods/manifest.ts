import { createHash } from 'node:crypto';
import { parseAllDocuments } from 'yaml';
import { CodedError } from '../errors/coded-error.ts';
import type { Container, Pod } from './pod.ts';
import { parseQuantity } from './quantity.ts';
import {
  type Field,
  flag,
  integer,
  listOf,
  mapOf,
  matching,
  meaningless,
  object,
  oneOf,
  Reading,
  text,
} from './schema.ts';

/** Bytes of a manifest that we are willing to read. */
export const manifestLimit = 3 << 20;

const label = matching(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 63, 'a DNS label');
const subdomain = matching(
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  253,
  'a DNS subdomain',
);
const uid = matching(/^[a-zA-Z0-9][-a-zA-Z0-9]*$/, 128, 'a uid');
const absolute = matching(/^\/(?!.*(^|\/)\.\.(\/|$))[^\0]*$/, 4096, 'an absolute path without ".."');
const relative = matching(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[^\0]*$/, 4096, 'a relative path without ".."');
const quantity: Field<string> = (value, path, reading) => {
  const written = typeof value === 'number' ? String(value) : value;
  if (typeof written === 'string' && parseQuantity(written) !== undefined) return written;
  return reading.refuse(path, 'is not a quantity such as 250m or 64Mi');
};
const id = integer(0, 2 ** 31 - 1);
const port = integer(1, 65535);

const amounts = object({ cpu: quantity, memory: quantity });

const container = object(
  {
    name: label,
    image: text,
    // Images are local; there is nothing to pull from. Always cannot be promised.
    imagePullPolicy: oneOf('IfNotPresent', 'Never'),
    command: listOf(text),
    args: listOf(text),
    env: listOf(object({ name: text, value: text }, ['name'])),
    workingDir: text,
    volumeMounts: listOf(
      object({ name: label, mountPath: absolute, readOnly: flag, subPath: relative }, ['name', 'mountPath']),
    ),
    resources: object({ limits: amounts, requests: amounts }),
    securityContext: object({
      runAsUser: id,
      runAsGroup: id,
      privileged: flag,
      readOnlyRootFilesystem: flag,
      allowPrivilegeEscalation: flag,
      capabilities: object({ add: listOf(text), drop: listOf(text) }),
    }),
    // Kept in the sandbox's description; nothing is forwarded, a pod's ports are reached at its own address.
    ports: listOf(
      object(
        {
          containerPort: port,
          hostPort: port,
          hostIP: text,
          protocol: oneOf('TCP', 'UDP', 'SCTP'),
          name: text,
        },
        ['containerPort'],
      ),
    ),
    terminationMessagePath: absolute,
    terminationMessagePolicy: oneOf('File', 'FallbackToLogsOnError'),
    stdin: flag,
    tty: flag,
  },
  ['name', 'image'],
);

const volume = object(
  {
    name: label,
    hostPath: object(
      { path: absolute, type: oneOf('', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate') },
      ['path'],
    ),
    emptyDir: object({ medium: oneOf('') }),
  },
  ['name'],
);

const pod = object(
  {
    apiVersion: oneOf('v1'),
    kind: oneOf('Pod'),
    metadata: object(
      { name: subdomain, namespace: label, uid, labels: mapOf(text), annotations: mapOf(text) },
      ['name'],
    ),
    spec: object(
      {
        containers: listOf(container, 100),
        initContainers: listOf(container, 100),
        volumes: listOf(volume, 1000),
        hostNetwork: flag,
        hostPID: flag,
        hostIPC: flag,
        shareProcessNamespace: flag,
        hostname: label,
        restartPolicy: oneOf('Always', 'OnFailure', 'Never'),
        terminationGracePeriodSeconds: integer(0, 86_400 * 365),
        securityContext: object({ runAsUser: id, runAsGroup: id, supplementalGroups: listOf(id) }),
        // The pod is on this node already, there is no API server to give it a token, and no services.
        nodeName: meaningless(),
        enableServiceLinks: oneOfFlags(false),
        automountServiceAccountToken: oneOfFlags(false),
      },
      ['containers'],
    ),
    status: object({}),
  },
  ['apiVersion', 'kind', 'metadata', 'spec'],
);

function oneOfFlags(known: boolean): Field<never> {
  return (value, path, reading) =>
    value === known ? undefined : reading.refuse(path, `is ${String(value)}, known here: ${known}`);
}

/** Where a manifest was found; the same manifest in the same place on the same node is the same pod. */
export interface ManifestOrigin {
  file: string;
  node: string;
}

/**
 * The pod in a YAML or JSON manifest. A pod without a uid gets one that depends on its content, file and node,
 * so that it is the same after a restart and another one after an edit.
 * @throws CodedError `invalid-argument` whose message lists every field that is refused, by path.
 */
export function parseManifest(content: string, origin: ManifestOrigin): Pod {
  const fail = (what: string): never => {
    throw new CodedError('invalid-argument', `reading ${origin.file}: ${what}`);
  };
  const documents = parseAllDocuments(content, { uniqueKeys: true, version: '1.2' });
  const list = Array.isArray(documents) ? documents.filter((document) => document.contents !== null) : [];
  const problem = list.flatMap((document) => document.errors)[0];
  if (problem) fail(problem.message.split('\n')[0] ?? 'it is not YAML');
  if (list.length !== 1) fail(`it has ${list.length} documents, one pod is wanted`);
  return decodePod(list[0]?.toJS({ maxAliasCount: 100 }), origin);
}

/** As {@link parseManifest}, of data that is no text any more. */
export function decodePod(data: unknown, origin: ManifestOrigin): Pod {
  const reading = new Reading();
  const read = pod(data, '', reading);
  if (read) checkReferences(read.spec, reading);
  if (!read || reading.problems.length > 0) {
    const lines = reading.problems.map(({ path, message }) => `${path || 'it'} ${message}`);
    throw new CodedError('invalid-argument', `reading ${origin.file}: ${lines.join('; ')}`);
  }
  const { status: _status, ...kept } = read;
  const metadata = { namespace: 'default', ...kept.metadata };
  return {
    ...kept,
    metadata: { ...metadata, uid: metadata.uid ?? uidOf({ ...kept, metadata }, origin) },
  } as Pod;
}

/** The uid of a pod that comes with none: 32 hexadecimal digits, as the kubelet gives its static pods. */
function uidOf(content: unknown, { file, node }: ManifestOrigin): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([canonical(content), `host:${node}`, `file:${file}`]));
  return hash.digest('hex').slice(0, 32);
}

/** What tells whether a manifest was changed: the same for the same content, wherever it lies. */
export function contentHash({ metadata, spec }: Pod): string {
  const { uid: _uid, ...rest } = metadata;
  return createHash('sha256')
    .update(JSON.stringify(canonical({ metadata: rest, spec })))
    .digest('hex');
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, canonical(member)]));
}

type Spec = NonNullable<ReturnType<typeof pod>>['spec'];

function checkReferences(spec: Spec, reading: Reading): void {
  if (spec.containers.length === 0) reading.refuse('spec.containers', 'is empty');
  const names = new Set<string>();
  const volumes = new Set<string>();
  spec.volumes?.forEach((item, index) => {
    const at = `spec.volumes[${index}]`;
    if (volumes.has(item.name)) reading.refuse(`${at}.name`, `"${item.name}" is there twice`);
    if ((item.hostPath === undefined) === (item.emptyDir === undefined)) {
      reading.refuse(at, 'is neither a hostPath nor an emptyDir');
    }
    volumes.add(item.name);
  });
  const check = (list: readonly Container[], at: string) => {
    list.forEach((item, index) => {
      if (names.has(item.name)) reading.refuse(`${at}[${index}].name`, `"${item.name}" is there twice`);
      names.add(item.name);
      item.volumeMounts?.forEach((mount, place) => {
        if (volumes.has(mount.name)) return;
        reading.refuse(
          `${at}[${index}].volumeMounts[${place}].name`,
          `"${mount.name}" is no volume of the pod`,
        );
      });
    });
  };
  check((spec.initContainers ?? []) as Container[], 'spec.initContainers');
  check(spec.containers as Container[], 'spec.containers');
}
