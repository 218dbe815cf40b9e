/** The part of `v1.Pod` that this node honours, with Kubernetes' own names; what is absent has its default. */
export interface Pod {
  apiVersion: 'v1';
  kind: 'Pod';
  metadata: PodMetadata;
  spec: PodSpec;
}

export interface PodMetadata {
  name: string;
  namespace: string;
  uid: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface PodSpec {
  containers: Container[];
  initContainers?: Container[];
  volumes?: Volume[];
  hostNetwork?: boolean;
  hostPID?: boolean;
  hostIPC?: boolean;
  shareProcessNamespace?: boolean;
  hostname?: string;
  restartPolicy?: RestartPolicy;
  /** Seconds. */
  terminationGracePeriodSeconds?: number;
  securityContext?: { runAsUser?: number; runAsGroup?: number; supplementalGroups?: number[] };
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  env?: EnvVariable[];
  envFrom?: EnvSource[];
  workingDir?: string;
  volumeMounts?: VolumeMount[];
  resources?: { limits?: Resources; requests?: Resources };
  securityContext?: SecurityContext;
  ports?: Port[];
  terminationMessagePath?: string;
  terminationMessagePolicy?: 'File' | 'FallbackToLogsOnError';
  stdin?: boolean;
  tty?: boolean;
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { postStart?: Handler; preStop?: Handler };
  /** Of an init container: it goes on running beside the others. */
  restartPolicy?: 'Always';
}

export interface EnvVariable {
  name: string;
  value?: string;
  valueFrom?: {
    configMapKeyRef?: KeyRef;
    secretKeyRef?: KeyRef;
    fieldRef?: FieldRef;
    resourceFieldRef?: ResourceRef;
  };
}

export interface KeyRef {
  name: string;
  key: string;
  optional?: boolean;
}

export interface EnvSource {
  prefix?: string;
  configMapRef?: { name: string; optional?: boolean };
  secretRef?: { name: string; optional?: boolean };
}

/** Something that the pod itself is told: `metadata.name`, `metadata.labels['app']`. */
export interface FieldRef {
  fieldPath: string;
}

/** What a container may use or asks for: `limits.cpu`, in multiples of the divisor. */
export interface ResourceRef {
  /** Of a variable its own container where left out. */
  containerName?: string;
  resource: string;
  divisor?: string;
}

/** One of three things to do when a container has started, or before it is ended. */
export interface Handler {
  exec?: { command: string[] };
  httpGet?: HttpGet;
  sleep?: { seconds: number };
}

export interface HttpGet {
  path?: string;
  port: number | string;
  host?: string;
  scheme?: 'HTTP' | 'HTTPS';
  httpHeaders?: { name: string; value: string }[];
}

/** One of the four ways to ask, and how often; times are seconds. */
export interface Probe {
  exec?: { command: string[] };
  httpGet?: HttpGet;
  tcpSocket?: { port: number | string; host?: string };
  grpc?: { port: number; service?: string };
  initialDelaySeconds?: number;
  periodSeconds?: number;
  timeoutSeconds?: number;
  successThreshold?: number;
  failureThreshold?: number;
  terminationGracePeriodSeconds?: number;
}

export type Resources = Record<string, string>;

export interface VolumeMount {
  name: string;
  mountPath: string;
  readOnly?: boolean;
  subPath?: string;
}

export interface SecurityContext {
  runAsUser?: number;
  runAsGroup?: number;
  privileged?: boolean;
  readOnlyRootFilesystem?: boolean;
  allowPrivilegeEscalation?: boolean;
  capabilities?: { add?: string[]; drop?: string[] };
}

export interface Port {
  containerPort: number;
  hostPort?: number;
  hostIP?: string;
  protocol?: 'TCP' | 'UDP' | 'SCTP';
  name?: string;
}

export interface Volume {
  name: string;
  hostPath?: { path: string; type?: HostPathType };
  emptyDir?: { medium?: '' | 'Memory'; sizeLimit?: string };
  configMap?: FilesSource & { name: string };
  secret?: FilesSource & { secretName: string };
  downwardAPI?: DownwardSource & { defaultMode?: number };
  projected?: { sources?: ProjectedSource[]; defaultMode?: number };
}

/** One of three sources of files in a volume. */
export interface ProjectedSource {
  configMap?: Omit<FilesSource, 'defaultMode'> & { name: string };
  secret?: Omit<FilesSource, 'defaultMode'> & { name: string };
  downwardAPI?: DownwardSource;
}

export interface DownwardSource {
  items?: DownwardFile[];
}

/** A file with something that the pod itself is told. */
export interface DownwardFile {
  path: string;
  fieldRef?: FieldRef;
  resourceFieldRef?: ResourceRef;
  mode?: number;
}

/** Which keys become files, all of them where none is named, and with which mode. */
export interface FilesSource {
  items?: { key: string; path: string; mode?: number }[];
  defaultMode?: number;
  optional?: boolean;
}

export type HostPathType = '' | 'Directory' | 'DirectoryOrCreate' | 'File' | 'FileOrCreate';

/** `namespace/name`, the name by which people know a pod. */
export function podName({ metadata }: Pod): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/** Seconds that a container has between SIGTERM and SIGKILL. */
export function gracePeriod({ spec }: Pod): number {
  return spec.terminationGracePeriodSeconds ?? 30;
}

export function allContainers({ spec }: Pod): Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

/** Init containers that go on running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/** What runs as long as the pod does: its containers, and the sidecars among its init containers. */
export function lastingContainers({ spec }: Pod): Container[] {
  return [...(spec.initContainers ?? []).filter(isSidecar), ...spec.containers];
}
