/**
 * The one home of the names of archive members. Podman, CRI-O, containerd and this program share the layout;
 * what only one of them writes says so.
 */
export const memberNames = {
  /** Who the container was: id, name, image, runtime, times. JSON. */
  configDump: 'config.dump',
  /** The OCI runtime specification it ran with, annotations included. JSON. */
  specDump: 'spec.dump',
  /** CRI's ContainerStatus. containerd, stasis. */
  statusDump: 'status.dump',
  /** containerd's own record of the container's state. */
  status: 'status',
  /** Podman: networks, interfaces and addresses. */
  networkStatus: 'network.status',
  /** Bind mounts that must exist for a restore. CRI-O, stasis. */
  bindMounts: 'bind.mounts',
  /** Files of the image that the container had deleted: a JSON array of paths. */
  deletedFiles: 'deleted.files',
  /** What the container had changed in its root file system; gzip data where containerd wrote it. */
  rootfsDiff: 'rootfs-diff.tar',
  /** CRIU's figures about the dump and about an earlier restore. */
  statsDump: 'stats-dump',
  statsRestore: 'stats-restore',
  dumpLog: 'dump.log',
  restoreLog: 'restore.log',
  /** The container's own log, under the name each engine gives it: containerd and stasis, CRI-O, Podman. */
  containerLog: 'container.log',
  crioLog: 'io.kubernetes.cri-o.LogPath',
  podmanLog: 'ctr.log',
  /** Podman: the contents of /dev/shm. */
  devShm: 'devshm-checkpoint.tar',
  /** stasis: sizes and digests of all other members, and how the checkpoint was made. */
  manifest: 'stasis.json',
} as const;

/** Folders, with their slash. */
export const memberFolders = {
  /** CRIU's images. */
  images: 'checkpoint/',
  /** CRIU's images of an earlier dump that `images` builds on. */
  earlierImages: 'pre-checkpoint/',
  /** Podman: volumes, one tar each, and artifacts. */
  volumes: 'volumes/',
  artifacts: 'artifacts/',
  /** stasis: what a conversion for another engine replaced, as it was. */
  origin: 'stasis-origin/',
} as const;

/** Members of a pod archive `<SandboxID>.tar`, beside one `<container>.tar` for each container. */
export const podMemberNames = {
  /** The sandbox: metadata, hostname. JSON. */
  podDump: 'pod.dump',
  /** Version and the map from short container names to archives. JSON. */
  podOptions: 'pod.options',
  /** The pod as Kubernetes describes it, without what belongs to the old node. JSON. */
  podJson: 'pod.json',
} as const;

const ownNames: ReadonlySet<string> = new Set([
  ...Object.values(memberNames),
  ...Object.values(podMemberNames),
]);

/** Whether only a checkpoint, of a container or of a pod, or a folder of CRIU's images has a member of this name. */
export function isMemberName(name: string): boolean {
  return (
    ownNames.has(name) ||
    name.endsWith('.img') ||
    Object.values(memberFolders).some((folder) => name.startsWith(folder))
  );
}

/** Annotations in `pod.options` that are ours. */
export const podAnnotations = {
  /** Microseconds for which the container that stood still longest stood still. */
  frozenMicroseconds: 'io.stasis.frozenMicroseconds',
} as const;

/** The logs of the container itself, in the order in which to look for them. */
export const containerLogNames = [
  memberNames.containerLog,
  memberNames.crioLog,
  memberNames.podmanLog,
] as const;

/** Prefixes by which checkpointctl adds up sizes. */
export const pagesPrefix = 'checkpoint/pages-';
export const gpuPagesPrefix = 'checkpoint/amdgpu-pages-';

/** What is read for `list` and for every heading; first in the archive, so that a second pass of a stream can stop there. */
const first: readonly string[] = [
  memberNames.configDump,
  memberNames.specDump,
  memberNames.statusDump,
  memberNames.status,
  memberNames.networkStatus,
  memberNames.bindMounts,
  memberNames.deletedFiles,
  memberNames.statsDump,
  memberNames.dumpLog,
  memberNames.containerLog,
  memberNames.devShm,
];

/**
 * Where a member stands in an archive that we write: what is small and wanted often comes first, CRIU's
 * images after it, the pages after everything that says what they mean, the manifest at the end because it
 * holds the digests of the rest.
 */
function placeOf(name: string): number {
  const at = first.indexOf(name);
  if (at >= 0) return at;
  if (name === memberNames.manifest) return 1000;
  if (name === memberNames.rootfsDiff) return 200;
  if (name === memberFolders.images.slice(0, -1)) return 100;
  if (name.startsWith(pagesPrefix) || name.startsWith(gpuPagesPrefix)) return 300;
  if (name.startsWith(memberFolders.images)) return 101;
  return 50;
}

/** Sorts names into the order in which we write them; the same names give the same order. */
export function compareMembers(a: string, b: string): number {
  return placeOf(a) - placeOf(b) || (a < b ? -1 : a > b ? 1 : 0);
}

/** Whether these names are those of a container checkpoint, of a pod archive, or of neither. */
export function archiveKind(has: (name: string) => boolean): 'container' | 'pod' | undefined {
  if (has(memberNames.configDump)) return 'container';
  if (has(podMemberNames.podDump)) return 'pod';
  return undefined;
}
