import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { CodedError } from '../errors/coded-error.ts';
import { type Mount, MountSchema } from '../gen/cri/v1/api_pb.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import { writeConfigVolume } from './config-volume.ts';
import type { ConfigObject } from './configuration.ts';
import { terminationMessagePath } from './cri-config.ts';
import type { PodPlace } from './downward.ts';
import { allContainers, type Container, type HostPathType, type Pod, podName, type Volume } from './pod.ts';
import { parseQuantity } from './quantity.ts';
import { volumeFiles } from './volume-files.ts';

/** File systems in memory, for volumes that are not to touch a disk. */
export interface MemoryVolumes {
  /** Puts one of at most `bytes` (half of the memory where none are given) at `path`, unless it is there. */
  mount(path: string, mode: number, bytes?: number): Promise<void>;
  /** Takes away what is mounted at or below `path`. */
  unmountBelow(path: string): Promise<void>;
}

/** The folders of pods below the kubelet's root directory, with the kubelet's names. */
export class PodDirectories {
  readonly #root: string;
  readonly #logs: string;
  readonly #memory: MemoryVolumes;
  readonly #place: Omit<PodPlace, 'podIP'>;

  /**
   * @param logs folder below which each pod gets one for its logs
   * @param place what files of volumes may tell of the node
   */
  constructor(rootDirectory: string, logs: string, memory: MemoryVolumes, place: Omit<PodPlace, 'podIP'>) {
    this.#place = place;
    this.#root = rootDirectory;
    this.#logs = logs;
    this.#memory = memory;
  }

  /** `<root>/pods/<uid>` */
  of(pod: Pod): string {
    return join(this.#root, 'pods', pod.metadata.uid);
  }

  /** `<logs>/<namespace>_<name>_<uid>` */
  logsOf({ metadata }: Pod): string {
    return join(this.#logs, `${metadata.namespace}_${metadata.name}_${metadata.uid}`);
  }

  /** Makes what must be there before the pod's sandbox and its containers, and brings files in volumes up to date. */
  async prepare(pod: Pod, configuration: readonly ConfigObject[]): Promise<void> {
    await makeDirectories(this.of(pod), 0o750);
    await makeDirectories(this.logsOf(pod), 0o755);
    for (const container of allContainers(pod)) {
      await makeDirectories(join(this.logsOf(pod), container.name), 0o755);
    }
    for (const volume of pod.spec.volumes ?? []) await this.#prepareVolume(pod, volume, configuration);
  }

  /** The mounts of a container: its volumes, and the file for its last words. */
  async mounts(pod: Pod, container: Container): Promise<Mount[]> {
    const mounts: Mount[] = [];
    for (const { name, mountPath, readOnly, subPath } of container.volumeMounts ?? []) {
      const volume = pod.spec.volumes?.find((item) => item.name === name);
      if (!volume) throw new CodedError('invalid-argument', `pod ${podName(pod)} has no volume ${name}`);
      const hostPath = await this.#subPath(this.#volumePath(pod, volume), subPath);
      mounts.push(create(MountSchema, { containerPath: mountPath, hostPath, readonly: readOnly ?? false }));
    }
    const hostPath = await this.#terminationLog(pod, container);
    mounts.push(create(MountSchema, { containerPath: terminationMessagePath(container), hostPath }));
    return mounts;
  }

  /** The name of the file for the container's last words: unique, and the same for each of its runs. */
  async terminationLogId(pod: Pod, container: Container): Promise<string> {
    const folder = join(this.of(pod), 'containers', container.name);
    await makeDirectories(folder, 0o750);
    const known = (await readdir(folder)).find((name) => /^[0-9a-f]{8}$/.test(name));
    return known ?? randomBytes(4).toString('hex');
  }

  /** The volumes that were empty at the pod's start: name → folder. */
  emptyDirs(pod: Pod): Map<string, string> {
    const volumes = (pod.spec.volumes ?? []).filter(({ emptyDir }) => emptyDir);
    return new Map(volumes.map((volume) => [volume.name, this.#volumePath(pod, volume)]));
  }

  /** Takes away what the pod had below the root; its logs stay. */
  async remove(pod: Pod): Promise<void> {
    await this.#memory.unmountBelow(this.of(pod));
    await rm(this.of(pod), { recursive: true, force: true });
  }

  async #terminationLog(pod: Pod, container: Container): Promise<string> {
    const id = await this.terminationLogId(pod, container);
    const path = join(this.of(pod), 'containers', container.name, id);
    await (await open(path, 'a', 0o666)).close();
    await chmod(path, 0o666);
    return path;
  }

  #volumePath(pod: Pod, volume: Volume): string {
    if (volume.hostPath) return volume.hostPath.path;
    const kind = volumeFolders.find(([name]) => volume[name] !== undefined)?.[1] ?? 'empty-dir';
    return join(this.of(pod), 'volumes', `kubernetes.io~${kind}`, volume.name);
  }

  async #prepareVolume(pod: Pod, volume: Volume, configuration: readonly ConfigObject[]): Promise<void> {
    const path = this.#volumePath(pod, volume);
    const { hostPath, emptyDir } = volume;
    if (hostPath) {
      return prepareHostPath(path, hostPath.type ?? '', `volume ${volume.name} of pod ${podName(pod)}`);
    }
    if (emptyDir?.medium === 'Memory') {
      await makeDirectories(path, 0o777);
      const limit = emptyDir.sizeLimit === undefined ? undefined : parseQuantity(emptyDir.sizeLimit);
      return this.#memory.mount(path, 0o777, limit);
    }
    const made = (await makeDirectories(path, 0o777)) !== undefined;
    const files = volumeFiles(pod, volume, configuration, { ...this.#place, podIP: '' });
    // Once: the pod may change the mode of what is its own, and this is asked for before each container.
    if (!files) return made ? chmod(path, 0o777) : undefined;
    // Secrets never touch the disk here; what the node remembers of them is in a private file.
    const secrets = secretsOf(volume);
    if (secrets > 0) await this.#memory.mount(path, 0o755, secrets * secretBytes);
    else await chmod(path, 0o755);
    await writeConfigVolume(path, files);
  }

  /** A path inside a volume that no link inside of it leads out of. */
  async #subPath(base: string, subPath: string | undefined): Promise<string> {
    let path = base;
    for (const part of (subPath ?? '').split('/').filter((item) => item !== '' && item !== '.')) {
      path = join(path, part);
      await mkdir(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
      if ((await lstat(path)).isSymbolicLink()) {
        throw new CodedError('invalid-argument', `the subPath ${path} is a symbolic link`);
      }
    }
    return path;
  }
}

/** Below the kubelet's name of the kind of a volume. */
const volumeFolders = [
  ['configMap', 'configmap'],
  ['secret', 'secret'],
  ['downwardAPI', 'downward-api'],
  ['projected', 'projected'],
] as const;

/** How much room a volume in memory needs: what is beside Secrets counts as one. 0 where it has none. */
function secretsOf({ secret, projected }: Volume): number {
  const sources = projected?.sources ?? [];
  return secret ? 1 : sources.some((source) => source.secret) ? sources.length : 0;
}

/** Bytes of a file system for one Secret: two states of it, whose limit is 1 MiB each, and folders. */
const secretBytes = 8 << 20;

async function prepareHostPath(path: string, type: HostPathType, what: string): Promise<void> {
  if (type === '') return;
  if (type === 'DirectoryOrCreate') await makeDirectories(path, 0o755);
  if (type === 'FileOrCreate') {
    await makeDirectories(dirname(path), 0o777);
    await (await open(path, 'a', 0o644)).close();
  }
  const found = await stat(path).catch(() => undefined);
  const fits = type.startsWith('Directory') ? found?.isDirectory() : found?.isFile();
  if (!fits) {
    const wanted = type.startsWith('Directory') ? 'directory' : 'file';
    throw new CodedError('failed-precondition', `${what}: hostPath ${path} is not a ${wanted}`);
  }
}
