import { divisors, fileFields, isKeyedField, resourceKinds, variableFields } from './downward.ts';
import { quantity, resources } from './resource-fields.ts';
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
  type Reading,
  text,
} from './schema.ts';

export const label = matching(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 63, 'a DNS label');
export const subdomain = matching(
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  253,
  'a DNS subdomain',
);
const uid = matching(/^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/, 128, 'a uid');
const absolute = matching(/^\/(?!.*(^|\/)\.\.(\/|$))[^\0]*$/, 4096, 'an absolute path without ".."');
const relative = matching(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[^\0]*$/, 4096, 'a relative path without ".."');
const id = integer(0, 2 ** 31 - 1);
const port = integer(1, 65535);
const portName = matching(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 15, 'the name of a port');
/** A key of a ConfigMap or Secret: also a file name. */
export const configKey = matching(/^(?!\.\.)[-._a-zA-Z0-9]+$/, 253, 'a key of a ConfigMap or Secret');

const command = listOf(text);
const exec = object({ command }, ['command']);
const seconds = (from: number) => integer(from, 86_400 * 365);
const portOrName: Field<number | string> = (value, path, reading) =>
  typeof value === 'number' ? port(value, path, reading) : portName(value, path, reading);

const httpGet = object(
  {
    path: text,
    port: portOrName,
    host: text,
    scheme: oneOf('HTTP', 'HTTPS'),
    httpHeaders: listOf(object({ name: text, value: text }, ['name', 'value'])),
  },
  ['port'],
);

const probe = object({
  exec,
  httpGet,
  tcpSocket: object({ port: portOrName, host: text }, ['port']),
  grpc: object({ port, service: text }, ['port']),
  initialDelaySeconds: seconds(0),
  periodSeconds: seconds(1),
  timeoutSeconds: seconds(1),
  successThreshold: integer(1, 1_000_000),
  failureThreshold: integer(1, 1_000_000),
  terminationGracePeriodSeconds: seconds(1),
});

const keyRef = object({ name: subdomain, key: configKey, optional: flag }, ['name', 'key']);
const reference = object({ name: subdomain, optional: flag }, ['name']);
/** Something that a pod is told of itself. */
const fieldRef = (known: readonly string[]) =>
  object(
    {
      apiVersion: oneOf('v1'),
      fieldPath: (value: unknown, path: string, reading: Reading) =>
        typeof value === 'string' && isKeyedField(value) ? value : oneOf(...known)(value, path, reading),
    },
    ['fieldPath'],
  );
const resourceRef = {
  containerName: label,
  resource: oneOf(...resourceKinds),
  divisor: ((value, path, reading) => {
    const written = typeof value === 'number' ? String(value) : value;
    return oneOf(...divisors.cpu, ...divisors.memory)(written, path, reading);
  }) satisfies Field<string>,
};

const variable = object(
  {
    name: text,
    value: text,
    valueFrom: object({
      configMapKeyRef: keyRef,
      secretKeyRef: keyRef,
      fieldRef: fieldRef(variableFields),
      resourceFieldRef: object(resourceRef, ['resource']),
    }),
  },
  ['name'],
);
const handler = object({ exec, httpGet, sleep: object({ seconds: seconds(0) }, ['seconds']) });

const containerFields = {
  name: label,
  image: text,
  // Images are local; there is nothing to pull from. Always cannot be promised.
  imagePullPolicy: oneOf('IfNotPresent', 'Never'),
  command,
  args: listOf(text),
  env: listOf(variable),
  envFrom: listOf(object({ prefix: text, configMapRef: reference, secretRef: reference })),
  workingDir: text,
  volumeMounts: listOf(
    object({ name: label, mountPath: absolute, readOnly: flag, subPath: relative }, ['name', 'mountPath']),
  ),
  resources,
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
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  lifecycle: object({ postStart: handler, preStop: handler }),
};
const container = object(containerFields, ['name', 'image']);
const initContainer = object({ ...containerFields, restartPolicy: oneOf('Always') }, ['name', 'image']);

const mode = integer(0, 0o777);
const insideVolume = matching(
  /^(?!\/)(?!\.\.)(?!.*(^|\/)\.\.(\/|$))[^\0]+$/,
  4096,
  'a relative path that does not begin with ".."',
);
const projectedFiles = {
  items: listOf(object({ key: configKey, path: insideVolume, mode }, ['key', 'path'])),
  optional: flag,
};
const files = { ...projectedFiles, defaultMode: mode };
const downward = {
  items: listOf(
    object(
      {
        path: insideVolume,
        fieldRef: fieldRef(fileFields),
        resourceFieldRef: object(resourceRef, ['containerName', 'resource']),
        mode,
      },
      ['path'],
    ),
  ),
};

const volume = object(
  {
    name: label,
    hostPath: object(
      { path: absolute, type: oneOf('', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate') },
      ['path'],
    ),
    emptyDir: object({ medium: oneOf('', 'Memory'), sizeLimit: quantity }),
    configMap: object({ ...files, name: subdomain }, ['name']),
    secret: object({ ...files, secretName: subdomain }, ['secretName']),
    downwardAPI: object({ ...downward, defaultMode: mode }),
    projected: object({
      sources: listOf(
        object({
          configMap: object({ ...projectedFiles, name: subdomain }, ['name']),
          secret: object({ ...projectedFiles, name: subdomain }, ['name']),
          downwardAPI: object(downward),
        }),
      ),
      defaultMode: mode,
    }),
  },
  ['name'],
);

/** Every field of a pod that is taken; those that are not named are refused. */
export const podFields = object(
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
        initContainers: listOf(initContainer, 100),
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
