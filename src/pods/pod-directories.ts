import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { CodedError } from '../errors/coded-error.ts';
import { type Mount, MountSchema } from '../gen/cri/v1/api_pb.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import { terminationMessagePath } from './cri-config.ts';
import { allContainers, type Container, type HostPathType, type Pod, podName, type Volume } from './pod.ts';

/** The folders of pods below the kubelet's root directory, with the kubelet's names. */
export class PodDirectories {
  readonly #root: string;
  readonly #logs: string;

  /** @param logs folder below which each pod gets one for its logs */
  constructor(rootDirectory: string, logs: string) {
    this.#root = rootDirectory;
    this.#logs = logs;
  }

  /** `<root>/pods/<uid>` */
  of(pod: Pod): string {
    return join(this.#root, 'pods', pod.metadata.uid);
  }

  /** `<logs>/<namespace>_<name>_<uid>` */
  logsOf({ metadata }: Pod): string {
    return join(this.#logs, `${metadata.namespace}_${metadata.name}_${metadata.uid}`);
  }

  /** Makes what must be there before the pod's sandbox. */
  async prepare(pod: Pod): Promise<void> {
    await makeDirectories(this.of(pod), 0o750);
    await makeDirectories(this.logsOf(pod), 0o755);
    for (const container of allContainers(pod)) {
      await makeDirectories(join(this.logsOf(pod), container.name), 0o755);
    }
    for (const volume of pod.spec.volumes ?? []) await this.#prepareVolume(pod, volume);
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

  /** Takes away what the pod had below the root; its logs stay. */
  async remove(pod: Pod): Promise<void> {
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
    return volume.hostPath?.path ?? join(this.of(pod), 'volumes', 'kubernetes.io~empty-dir', volume.name);
  }

  async #prepareVolume(pod: Pod, volume: Volume): Promise<void> {
    const path = this.#volumePath(pod, volume);
    if (volume.hostPath)
      return prepareHostPath(
        path,
        volume.hostPath.type ?? '',
        `volume ${volume.name} of pod ${podName(pod)}`,
      );
    await makeDirectories(path, 0o777);
    await chmod(path, 0o777);
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
