import { create } from '@bufbuild/protobuf';
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type Mount,
  NamespaceMode,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
  Protocol,
  SecurityProfile_ProfileType,
} from '../gen/cri/v1/api_pb.ts';
import { isHugePageResourceName } from '../kubeletstate/resource-name.ts';
import { type ContainerGrant, nothingGranted } from './container-grant.ts';
import { expand } from './expansion.ts';
import { annotations, labels } from './labels.ts';
import { type Container, gracePeriod, type Pod, type Resources, type SecurityContext } from './pod.ts';
import { parseQuantity } from './quantity.ts';

/** What a sandbox needs to know besides the pod. */
export interface SandboxFacts {
  /** Times a sandbox of this pod was made before. */
  attempt: number;
  /** Absolute folder for the containers' logs. */
  logDirectory: string;
  /** Sandbox id of the checkpoint it is restored from. */
  restoredFrom?: string;
  /** RFC 3339. */
  seen: string;
}

export function sandboxConfig(pod: Pod, facts: SandboxFacts): PodSandboxConfig {
  const { metadata, spec } = pod;
  const restored: Record<string, string> = facts.restoredFrom
    ? { [annotations.restoredPod]: 'true', [annotations.restoredFrom]: facts.restoredFrom }
    : {};
  return create(PodSandboxConfigSchema, {
    metadata: {
      name: metadata.name,
      uid: metadata.uid,
      namespace: metadata.namespace,
      attempt: facts.attempt,
    },
    // A pod on the node's network has the node's name, which runtimes want unsaid.
    hostname: spec.hostNetwork ? '' : (spec.hostname ?? metadata.name.slice(0, 63)),
    logDirectory: facts.logDirectory,
    portMappings: spec.containers.flatMap((container) =>
      (container.ports ?? []).map((port) => ({
        protocol: Protocol[port.protocol ?? 'TCP'],
        containerPort: port.containerPort,
        hostPort: port.hostPort ?? 0,
        hostIp: port.hostIP ?? '',
      })),
    ),
    labels: { ...metadata.labels, ...podLabels(pod) },
    annotations: {
      ...metadata.annotations,
      [annotations.configSource]: facts.restoredFrom ? 'checkpoint' : 'file',
      [annotations.configSeen]: facts.seen,
      ...restored,
    },
    linux: { securityContext: { namespaceOptions: namespaceOptions(pod) } },
  });
}

/** What a container needs to know besides the pod. */
export interface ContainerFacts {
  /** Times it was started before. */
  restarts: number;
  mounts: readonly Mount[];
  /** As the container's environment says. */
  variables: ReadonlyMap<string, string>;
  /** What the node gives it for itself. */
  grant?: ContainerGrant;
  /** Instead of the image of the manifest: the path of a checkpoint archive. */
  image?: string;
}

export function containerConfig(pod: Pod, container: Container, facts: ContainerFacts): ContainerConfig {
  const { grant = nothingGranted, variables } = facts;
  const expanded = (list: readonly string[] = []) => list.map((item) => expand(item, variables));
  return create(ContainerConfigSchema, {
    metadata: { name: container.name, attempt: facts.restarts },
    image: { image: facts.image ?? container.image, userSpecifiedImage: container.image },
    command: expanded(container.command),
    args: expanded(container.args),
    workingDir: container.workingDir ?? '',
    // As the kubelet does: what is granted comes first, the container's own wins, and expansion knows only that.
    envs: [...new Map([...Object.entries(grant.envs), ...variables])].map(([key, value]) => ({ key, value })),
    mounts: [
      ...grant.mounts.map(({ readOnly, ...paths }) => ({ ...paths, readonly: readOnly })),
      ...facts.mounts,
    ],
    devices: grant.devices.map((device) => ({ ...device })),
    CDIDevices: grant.cdiDevices.map((name) => ({ name })),
    labels: { ...podLabels(pod), [labels.containerName]: container.name },
    annotations: {
      ...grant.annotations,
      [annotations.restartCount]: String(facts.restarts),
      [annotations.terminationMessagePath]: terminationMessagePath(container),
      [annotations.terminationMessagePolicy]: container.terminationMessagePolicy ?? 'File',
      [annotations.gracePeriod]: String(gracePeriod(pod)),
    },
    logPath: `${container.name}/${facts.restarts}.log`,
    stdin: container.stdin ?? false,
    tty: container.tty ?? false,
    linux: { resources: resources(container, grant), securityContext: security(pod, container) },
  });
}

export function terminationMessagePath(container: Container): string {
  return container.terminationMessagePath ?? '/dev/termination-log';
}

function podLabels({ metadata }: Pod): Record<string, string> {
  return {
    [labels.podName]: metadata.name,
    [labels.podNamespace]: metadata.namespace,
    [labels.podUid]: metadata.uid,
  };
}

function namespaceOptions({ spec }: Pod) {
  return {
    network: spec.hostNetwork ? NamespaceMode.NODE : NamespaceMode.POD,
    pid: spec.hostPID
      ? NamespaceMode.NODE
      : spec.shareProcessNamespace
        ? NamespaceMode.POD
        : NamespaceMode.CONTAINER,
    ipc: spec.hostIPC ? NamespaceMode.NODE : NamespaceMode.POD,
  };
}

function resources({ resources: wanted }: Container, grant: ContainerGrant) {
  const milli = (value: string | undefined) =>
    value === undefined ? 0 : Math.ceil((parseQuantity(value) ?? 0) * 1000);
  const limit = milli(wanted?.limits?.['cpu']);
  const request = wanted?.requests?.['cpu'] === undefined ? limit : milli(wanted.requests['cpu']);
  const memory = wanted?.limits?.['memory'];
  return {
    cpuShares: request > 0 ? BigInt(Math.min(262_144, Math.max(2, Math.floor((request * 1024) / 1000)))) : 0n,
    cpuPeriod: limit > 0 ? 100_000n : 0n,
    cpuQuota: limit > 0 ? BigInt(Math.max(1000, limit * 100)) : 0n,
    memoryLimitInBytes: memory === undefined ? 0n : BigInt(Math.ceil(parseQuantity(memory) ?? 0)),
    hugepageLimits: hugePageLimits(wanted?.limits ?? {}),
    cpusetCpus: grant.cpusetCpus ?? '',
    cpusetMems: grant.cpusetMems ?? '',
  };
}

/** The kernel's names of the sizes: `2MB` is what Kubernetes calls `2Mi`. */
function hugePageLimits(limits: Resources) {
  return Object.entries(limits).flatMap(([name, amount]) => {
    if (!isHugePageResourceName(name)) return [];
    let size = parseQuantity(name.slice('hugepages-'.length)) ?? 0;
    let unit = 0;
    for (; size >= 1024 && unit < 4; unit++) size /= 1024;
    const pageSize = `${size}${['B', 'KB', 'MB', 'GB', 'TB'][unit] ?? ''}`;
    return [{ pageSize, limit: BigInt(Math.ceil(parseQuantity(amount) ?? 0)) }];
  });
}

function security(pod: Pod, { securityContext = {} as SecurityContext }: Container) {
  const user = securityContext.runAsUser ?? pod.spec.securityContext?.runAsUser;
  const group = securityContext.runAsGroup ?? pod.spec.securityContext?.runAsGroup;
  return {
    namespaceOptions: namespaceOptions(pod),
    privileged: securityContext.privileged ?? false,
    readonlyRootfs: securityContext.readOnlyRootFilesystem ?? false,
    noNewPrivs: securityContext.allowPrivilegeEscalation === false,
    capabilities: {
      addCapabilities: securityContext.capabilities?.add ?? [],
      dropCapabilities: securityContext.capabilities?.drop ?? [],
    },
    supplementalGroups: (pod.spec.securityContext?.supplementalGroups ?? []).map(BigInt),
    ...(user === undefined ? {} : { runAsUser: { value: BigInt(user) } }),
    ...(group === undefined ? {} : { runAsGroup: { value: BigInt(group) } }),
    // As the kubelet's default for pods that do not ask for a profile.
    seccomp: { profileType: SecurityProfile_ProfileType.Unconfined },
  };
}
