import { stat } from 'node:fs/promises';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { openCheckpoint } from '../localfs/open-checkpoint.ts';
import type { NodePods } from './node-pods.ts';
import { allContainers, type Container, type Pod, podName } from './pod.ts';
import { type CompareWithNode, lacking, type PreflightOptions } from './restore-preflight.ts';

/** What a restored pod is to have in place of what its checkpoint says. */
export interface RestoreAs {
  namespace?: string;
  name?: string;
  /** Name of a volume, or its path on the node of the checkpoint → path on this node. */
  volumes?: Readonly<Record<string, string>>;
  /** What becomes of connections that were open; kept where left out. */
  tcp?: 'established' | 'close';
}

/**
 * The pod with volumes of the node at other paths. A volume that was empty at the pod's start and has been filled
 * since may be given a folder with what was in it.
 * @throws CodedError `invalid-argument` naming what is no such volume
 */
export function withVolumes(pod: Pod, map: Readonly<Record<string, string>> = {}): Pod {
  const used = new Set<string>();
  const volumes = (pod.spec.volumes ?? []).map((volume) => {
    const { name, hostPath, emptyDir } = volume;
    const key = [name, hostPath?.path ?? ''].find((each) => Object.hasOwn(map, each));
    const path = key === undefined ? undefined : map[key];
    if (key === undefined || path === undefined) return volume;
    used.add(key);
    if (hostPath) return { ...volume, hostPath: { ...hostPath, path } };
    if (emptyDir) return { name, hostPath: { path, type: 'Directory' as const } };
    throw new CodedError('invalid-argument', `volume ${name} of pod ${podName(pod)} has no path of its own`);
  });
  const unknown = Object.keys(map).find((key) => !used.has(key));
  if (unknown === undefined) return volumes.length > 0 ? { ...pod, spec: { ...pod.spec, volumes } } : pod;
  const known = (pod.spec.volumes ?? []).map(({ name }) => name).join(', ') || 'none';
  throw new CodedError(
    'invalid-argument',
    `pod ${podName(pod)} has no volume ${JSON.stringify(unknown)}; it has ${known}`,
  );
}

/** Sees to it that the image of a container is here, or only looks. */
export type EnsureImage = (container: Container, signal: AbortSignal) => Promise<void>;

/**
 * Looks for everything that the pod needs of this node before anything is made, and names all that is missing.
 * @throws CodedError `failed-precondition`; `not-found` where images alone are missing
 */
export async function podPreflight(
  pods: NodePods,
  pod: Pod,
  names: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const ensureImage: EnsureImage = (one, stop) => pods.ensureImage(one, stop);
  const { places, images } = await podLacks(pod, names, ensureImage, signal);
  const missing = [...places, ...images];
  if (missing.length === 0) return;
  // An image may come; whoever waits for one tries again.
  throw new CodedError(
    places.length > 0 ? 'failed-precondition' : 'not-found',
    `pod ${podName(pod)} cannot be restored here: ${missing.join('; ')}`,
    { hint: 'give volumes another place with --volume-map, and load the images' },
  );
}

/** What the pod needs of this node and is not here: volumes and descriptions, and images. */
export async function podLacks(
  pod: Pod,
  names: readonly string[],
  ensureImage: EnsureImage,
  signal: AbortSignal,
): Promise<{ places: string[]; images: string[] }> {
  const places: string[] = [];
  for (const { name, hostPath } of pod.spec.volumes ?? []) {
    if (hostPath === undefined || hostPath.type?.endsWith('OrCreate')) continue;
    const found = await stat(hostPath.path).catch(() => undefined);
    if (!found) places.push(`volume ${name}: there is no ${hostPath.path} here`);
  }
  const described = allContainers(pod).map(({ name }) => name);
  for (const name of names) {
    if (!described.includes(name)) places.push(`container ${name}: the pod does not describe it`);
  }
  const images: string[] = [];
  for (const container of allContainers(pod)) {
    if (!names.includes(container.name) || container.image === '') continue;
    await ensureImage(container, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      images.push(`container ${container.name}: ${messageOf(error)}`);
    });
  }
  return { places, images };
}

/**
 * The same for what stands in the archives of the containers: processor, devices, mounts, ports.
 * @param paths of the archives, by container
 * @throws CodedError `failed-precondition`
 */
export async function containersPreflight(
  pods: NodePods,
  pod: Pod,
  paths: ReadonlyMap<string, string>,
  compare: CompareWithNode,
  signal: AbortSignal,
): Promise<void> {
  const ensureImage: EnsureImage = (one, stop) => pods.ensureImage(one, stop);
  const open = async (name: string) => {
    const path = paths.get(name);
    return path === undefined ? undefined : openCheckpoint(path, { signal });
  };
  const missing = await containersLack(pod, open, { compare, ensureImage, signal });
  if (missing.length === 0) return;
  throw new CodedError(
    'failed-precondition',
    `pod ${podName(pod)} cannot be restored here, this node lacks: ${missing.join('; ')}`,
    { hint: 'nothing was started; stasis verify --against-node shows all that is needed' },
  );
}

/** What the containers of a pod need and is not here. @param open the archive of a container; closed here */
export async function containersLack(
  pod: Pod,
  open: (container: string) => Promise<Checkpoint | undefined>,
  options: PreflightOptions,
): Promise<string[]> {
  const missing: string[] = [];
  for (const container of allContainers(pod)) {
    const checkpoint = await open(container.name);
    if (checkpoint === undefined) continue;
    try {
      const found = await lacking(checkpoint, pod, container, options);
      missing.push(...found.map((what) => `container ${container.name}: ${what}`));
    } finally {
      await checkpoint.close();
    }
  }
  return missing;
}
