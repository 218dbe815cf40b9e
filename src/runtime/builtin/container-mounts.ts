import { realpath, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { CodedError } from '../../errors/coded-error.ts';
import { type Mount, MountPropagation } from '../../gen/cri/v1/api_pb.ts';
import type { OciMount } from './oci-spec.ts';
import { type RuntimePaths, sandboxDirectory } from './paths.ts';
import type { SandboxRecord } from './records.ts';

/** What every container finds in its file system besides its image. */
export function systemMounts(privileged: boolean): OciMount[] {
  const access = privileged ? 'rw' : 'ro';
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/sys',
      type: 'sysfs',
      source: 'sysfs',
      options: ['nosuid', 'noexec', 'nodev', access],
    },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', access],
    },
  ];
}

/** What all containers of a pod share; a mount of the caller's own at the same place wins. */
export function podMounts(paths: RuntimePaths, sandbox: SandboxRecord, taken: readonly Mount[]): OciMount[] {
  const folder = sandboxDirectory(paths, sandbox.id);
  const file = (name: string): OciMount => ({
    destination: `/etc/${name}`,
    type: 'bind',
    source: join(folder, name),
    options: ['rbind', 'rprivate', 'rw'],
  });
  const shm: OciMount = {
    destination: '/dev/shm',
    type: 'bind',
    source: sandbox.shm ?? '/dev/shm',
    options: ['rbind', 'rprivate', 'rw', 'nosuid', 'noexec', 'nodev'],
  };
  const occupied = new Set(taken.map((mount) => posix.normalize(mount.containerPath)));
  return [file('hosts'), file('hostname'), file('resolv.conf'), shm].filter(
    (mount) => !occupied.has(mount.destination),
  );
}

const propagation: Readonly<Record<number, string>> = {
  [MountPropagation.PROPAGATION_PRIVATE]: 'rprivate',
  [MountPropagation.PROPAGATION_HOST_TO_CONTAINER]: 'rslave',
  [MountPropagation.PROPAGATION_BIDIRECTIONAL]: 'rshared',
};

/**
 * The caller's volumes, shallow ones first so that none hides another.
 * @throws CodedError `invalid-argument` or `unsupported`, with the mount in question.
 */
export async function volumeMounts(mounts: readonly Mount[]): Promise<OciMount[]> {
  const made = await Promise.all(mounts.map(volumeMount));
  const depth = (mount: OciMount): number => mount.destination.split('/').length;
  return made.sort((a, b) => depth(a) - depth(b));
}

async function volumeMount(mount: Mount): Promise<OciMount> {
  const at = `the mount at ${JSON.stringify(mount.containerPath)}`;
  if (mount.image !== undefined && mount.image.image !== '') {
    throw new CodedError('unsupported', `${at}: an image as a volume is not supported`);
  }
  if (mount.uidMappings.length > 0 || mount.gidMappings.length > 0) {
    throw new CodedError('unsupported', `${at}: mapped users are not supported`);
  }
  if (!mount.containerPath.startsWith('/') || posix.normalize(mount.containerPath) === '/') {
    throw new CodedError('invalid-argument', `${at}: its path must be absolute and below the root`);
  }
  if (mount.recursiveReadOnly && !mount.readonly) {
    throw new CodedError('invalid-argument', `${at}: recursively read-only, but not read-only`);
  }
  const source = await hostPath(mount.hostPath, at);
  const shared = propagation[mount.propagation] ?? 'rprivate';
  const access = mount.recursiveReadOnly ? ['ro', 'rro'] : [mount.readonly ? 'ro' : 'rw'];
  return {
    destination: posix.normalize(mount.containerPath).replace(/\/$/, ''),
    type: 'bind',
    source,
    options: ['rbind', shared, ...access],
  };
}

async function hostPath(path: string, at: string): Promise<string> {
  if (!path.startsWith('/')) {
    throw new CodedError('invalid-argument', `${at}: ${JSON.stringify(path)} is not an absolute path`);
  }
  try {
    const real = await realpath(path);
    await stat(real);
    return real;
  } catch (cause) {
    throw new CodedError('invalid-argument', `${at}: ${path} does not exist on this machine`, { cause });
  }
}
