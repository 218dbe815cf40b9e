import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { CodedError } from '../../errors/coded-error.ts';
import {
  type ContainerConfig,
  type LinuxContainerSecurityContext,
  NamespaceMode,
  type NamespaceOption,
  SupplementalGroupsPolicy,
} from '../../gen/cri/v1/api_pb.ts';
import { capabilitySets, ownCapabilities } from './capabilities.ts';
import { injectCdi } from './cdi-inject.ts';
import { cdiEdits } from './cdi-registry.ts';
import { podMounts, systemMounts, volumeMounts } from './container-mounts.ts';
import { ociResources } from './container-resources.ts';
import { type ContainerUser, resolveUser } from './container-user.ts';
import { givenDevices } from './host-devices.ts';
import type { ImageConfig } from './image-record.ts';
import type { OciNamespace, OciSpec } from './oci-spec.ts';
import { type RuntimePaths, rootfsDirectories } from './paths.ts';
import type { SandboxRecord } from './records.ts';
import { seccompProfile } from './seccomp-profile.ts';

export interface BundleRequest {
  id: string;
  sandbox: SandboxRecord;
  config: ContainerConfig;
  image: ImageConfig;
  /** What the image was asked for as. */
  imageName: string;
  cgroup: string;
  /** Process that another container's namespaces are taken from, for `TARGET`. */
  target?: number | undefined;
}

export interface Bundle {
  spec: OciSpec;
  user: ContainerUser;
  stopSignal: string;
  /** What was asked for and is not possible here. */
  notes: string[];
}

/** Node-wide or per-process files that show or change more than a container should; the usual list. */
const maskedPaths = [
  ...['/proc/acpi', '/proc/asound', '/proc/interrupts', '/proc/kcore', '/proc/keys', '/proc/latency_stats'],
  ...['/proc/sched_debug', '/proc/scsi', '/proc/timer_list', '/proc/timer_stats', '/sys/firmware'],
  ...['/sys/devices/virtual/powercap'],
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The OCI bundle's `config.json` for a container. Its root file system must be mounted already, because users
 * are looked up in it.
 * @throws CodedError `invalid-argument` or `unsupported` naming the field that cannot be done.
 */
export async function makeBundle(
  paths: RuntimePaths,
  controllers: ReadonlySet<string>,
  request: BundleRequest,
): Promise<Bundle> {
  const { config, sandbox, image } = request;
  const security = config.linux?.securityContext;
  const privileged = security?.privileged === true;
  if (privileged && sandbox.config.linux?.securityContext?.privileged !== true) {
    throw new CodedError('invalid-argument', 'a privileged container needs a pod made for privileged ones');
  }
  const rootfs = rootfsDirectories(paths, request.id).merged;
  const user = await resolveUser(rootfs, wantedUser(security, image));
  const capabilities = capabilitySets(security?.capabilities, privileged, await ownCapabilities());
  const limits = ociResources(config.linux?.resources, controllers);
  const devices = await givenDevices(config.devices, privileged);
  const score = await oomScore(config);
  const spec: OciSpec = {
    ociVersion: '1.0.2',
    process: {
      terminal: config.tty,
      user: { uid: user.uid, gid: user.gid, additionalGids: user.groups },
      args: commandOf(config, image),
      env: environmentOf(config, image, user),
      cwd: config.workingDir || image.workingDir || '/',
      capabilities: capabilities.sets,
      noNewPrivileges: security?.noNewPrivs === true,
      ...(score.value !== undefined && { oomScoreAdj: score.value }),
    },
    root: { path: rootfs, readonly: security?.readonlyRootfs === true },
    mounts: [
      ...systemMounts(privileged),
      ...podMounts(paths, sandbox, config.mounts),
      ...(await volumeMounts(config.mounts)),
    ],
    annotations: annotationsOf(request),
    linux: {
      namespaces: namespacesOf(request, security?.namespaceOptions),
      cgroupsPath: request.cgroup,
      resources: { devices: devices.rules, ...limits.resources },
      devices: devices.devices,
      ...(Object.keys(sandbox.config.linux?.sysctls ?? {}).length > 0 && {
        sysctl: { ...sandbox.config.linux?.sysctls },
      }),
      ...(!privileged && hiddenPaths(security)),
    },
  };
  // The name belongs to the UTS namespace; a container in the node's must not set it.
  if (sandbox.namespaces.uts !== undefined) spec.hostname = sandbox.config.hostname;
  const seccomp = privileged
    ? undefined
    : await seccompProfile(security?.seccomp, capabilities.sets.effective);
  if (seccomp !== undefined) spec.linux.seccomp = seccomp;
  await injectCdi(spec, await cdiEdits(config.CDIDevices.map(({ name }) => name)));
  const notes = [
    ...limits.notes,
    ...capabilities.missing.map((name) => `capability ${name} not given: this process does not hold it`),
    ...score.notes,
    ...unsupportedNotes(config),
  ];
  return { spec, user, stopSignal: image.stopSignal || 'SIGTERM', notes };
}

function wantedUser(security: LinuxContainerSecurityContext | undefined, image: ImageConfig) {
  const ownUser = security?.runAsUser?.value.toString() ?? security?.runAsUsername ?? '';
  if (security?.runAsGroup !== undefined && ownUser === '') {
    throw new CodedError('invalid-argument', 'run_as_group is set without run_as_user or run_as_username');
  }
  return {
    user: ownUser || image.user,
    gid: security?.runAsGroup === undefined ? undefined : Number(security.runAsGroup.value),
    groups: (security?.supplementalGroups ?? []).map(Number),
    mergeGroups: security?.supplementalGroupsPolicy !== SupplementalGroupsPolicy.Strict,
  };
}

/** The command replaces the image's entrypoint and, with it, the image's arguments. */
function commandOf(config: ContainerConfig, image: ImageConfig): string[] {
  const command = config.command.length > 0 ? config.command : image.entrypoint;
  const ownArgs = config.args.length > 0 || config.command.length > 0;
  const args = [...command, ...(ownArgs ? config.args : image.cmd)];
  if (args[0] === undefined || args[0] === '') {
    throw new CodedError('invalid-argument', 'no command: neither the container nor its image names one');
  }
  return args;
}

function environmentOf(config: ContainerConfig, image: ImageConfig, user: ContainerUser): string[] {
  const all = new Map<string, string>([['PATH', usualPath]]);
  for (const line of image.env) {
    const [key = '', ...rest] = line.split('=');
    all.set(key, rest.join('='));
  }
  if (config.tty) all.set('TERM', 'xterm');
  for (const { key, value } of config.envs) all.set(key, value);
  if (!all.has('HOME')) all.set('HOME', user.home);
  return [...all].map(([key, value]) => `${key}=${value}`);
}

function namespacesOf(request: BundleRequest, wanted: NamespaceOption | undefined): OciNamespace[] {
  const { network, ipc, uts } = request.sandbox.namespaces;
  const list: OciNamespace[] = [{ type: 'mount' }, { type: 'cgroup' }];
  if (network !== undefined) list.push({ type: 'network', path: network });
  if (ipc !== undefined) list.push({ type: 'ipc', path: ipc });
  if (uts !== undefined) list.push({ type: 'uts', path: uts });
  const pid = wanted?.pid ?? NamespaceMode.CONTAINER;
  if (pid === NamespaceMode.POD) {
    throw new CodedError('unsupported', 'a process namespace shared by the pod is not supported', {
      hint: "ask for the container's own (namespace_options.pid = CONTAINER), as pods do by default",
    });
  }
  if (pid === NamespaceMode.CONTAINER) list.push({ type: 'pid' });
  if (pid === NamespaceMode.TARGET) list.push({ type: 'pid', path: `/proc/${request.target}/ns/pid` });
  return list;
}

function hiddenPaths(security: LinuxContainerSecurityContext | undefined) {
  const hasOwn = (security?.maskedPaths.length ?? 0) > 0 || (security?.readonlyPaths.length ?? 0) > 0;
  if (!hasOwn) return { maskedPaths, readonlyPaths };
  return { maskedPaths: security?.maskedPaths ?? [], readonlyPaths: security?.readonlyPaths ?? [] };
}

/** The keys that tools which read `spec.dump` look for; see the table of engines. */
function annotationsOf({ id, sandbox, config, imageName }: BundleRequest): Record<string, string> {
  const { name = '', namespace = '', uid = '' } = sandbox.config.metadata ?? {};
  return {
    ...config.annotations,
    'io.container.manager': 'stasis',
    'io.kubernetes.cri.container-type': 'container',
    'io.kubernetes.cri.container-name': config.metadata?.name ?? '',
    'io.kubernetes.cri.container-id': id,
    'io.kubernetes.cri.image-name': imageName,
    'io.kubernetes.cri.sandbox-id': sandbox.id,
    'io.kubernetes.cri.sandbox-name': name,
    'io.kubernetes.cri.sandbox-namespace': namespace,
    'io.kubernetes.cri.sandbox-uid': uid,
  };
}

/** Lowering the score needs a capability that a machine may not give us; then ours is the lowest. */
async function oomScore(config: ContainerConfig): Promise<{ value?: number; notes: string[] }> {
  const wanted = Number(config.linux?.resources?.oomScoreAdj ?? 0n);
  if (wanted === 0) return { notes: [] };
  if (wanted < -1000 || wanted > 1000) {
    throw new CodedError('invalid-argument', `oom_score_adj ${wanted} is not between -1000 and 1000`);
  }
  const own = Number(await readFile('/proc/self/oom_score_adj', 'latin1'));
  if (wanted >= own || (await ownCapabilities()).has('SYS_RESOURCE')) return { value: wanted, notes: [] };
  return {
    value: own,
    notes: [`oom_score_adj=${wanted} not applied but ${own}: lowering it needs CAP_SYS_RESOURCE`],
  };
}

function unsupportedNotes(config: ContainerConfig): string[] {
  const security = config.linux?.securityContext;
  const label = security?.selinuxOptions ? ['SELinux label not applied: SELinux is not supported'] : [];
  return label;
}

/** Joins and cleans a log path below the pod's log folder. @throws CodedError `invalid-argument` */
export function logPathOf(directory: string, logPath: string): string | undefined {
  if (directory === '' || logPath === '') return undefined;
  const path = posix.join(directory, logPath);
  if (path.startsWith(`${directory.replace(/\/+$/, '')}/`)) return path;
  throw new CodedError('invalid-argument', `log_path ${JSON.stringify(logPath)} leads out of the log folder`);
}
