import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import type { DeviceMetrics } from '../devicemanager/device-metrics.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { ImageService, RuntimeService } from '../gen/cri/v1/api_pb.ts';
import { writeFileAtomic } from '../localfs/atomic-file.ts';
import { CheckpointsDirectory } from '../localfs/checkpoints-directory.ts';
import { ContainerCheckpoints } from '../pods/container-checkpoints.ts';
import { ContainerRestores } from '../pods/container-restores.ts';
import { FreeSpace } from '../pods/free-space.ts';
import { InTurn } from '../pods/in-turn.ts';
import { KeptCheckpoints } from '../pods/kept-checkpoints.ts';
import { MadeArchives } from '../pods/made-archives.ts';
import { ManifestDirectory } from '../pods/manifest-directory.ts';
import { Node } from '../pods/node.ts';
import { type Log, NodePods } from '../pods/node-pods.ts';
import type { NodeResources } from '../pods/node-resources.ts';
import { allContainers } from '../pods/pod.ts';
import { PodCheckpoints } from '../pods/pod-checkpoints.ts';
import { PodDirectories } from '../pods/pod-directories.ts';
import { PodRestores } from '../pods/pod-restores.ts';
import type { Images, Runtime } from '../pods/pod-runtime.ts';
import { PodFiles } from '../pods/pod-store.ts';
import { PodStreams } from '../pods/pod-streams.ts';
import type { CompareWithNode } from '../pods/restore-preflight.ts';
import { compareWithNode } from '../runtime/cri/node-needs.ts';
import { lookInside } from './look-inside.ts';
import { openNodeCpus } from './node-cpus.ts';
import { openNodeDevices } from './node-devices.ts';
import { openNodeMemory } from './node-memory.ts';
import { hostAddress, probes, tmpfsVolumes, unpackVolume } from './pod-wiring.ts';
import type { NodeRuntime, RuntimeOpening } from './runtime-opening.ts';
import type { Settings } from './settings.ts';

/** Milliseconds between two looks at the manifests where nothing tells of a change. */
const manifestInterval = 20_000;

/** What all parts of the node are made from. */
export interface NodeParts {
  settings: Settings;
  version: string;
  opened: NodeRuntime;
  opening: RuntimeOpening;
  deviceMetrics: DeviceMetrics;
  log: Log;
  /** Ends what goes on without a client. */
  stopping: AbortSignal;
}

/** The pods of this node, their checkpoints and restores, and what is given to them. */
export async function startNode(parts: NodeParts) {
  const { settings, version, opening, log, stopping } = parts;
  const { rootDirectory } = settings;
  const runtime = createClient(RuntimeService, parts.opened.transport);
  const images = createClient(ImageService, parts.opened.transport);
  const directory = new CheckpointsDirectory(join(rootDirectory, 'checkpoints'));
  const { openedPods, captures } = await openAll(parts, { runtime, images, directory });
  const { pods, directories, devices, cpus, memory, hostIP } = openedPods;
  await pullGivenImages(settings, images, stopping);
  const look = lookInside(rootDirectory, settings.runtimeSocket);
  const made = new MadeArchives({
    directory,
    kept: captures.kept,
    space: captures.space,
    look,
  });
  const control = new Node(
    {
      name: settings.nodeName,
      version,
      rootDirectory,
      runtime,
      pods,
      ...captures,
      ...{ look, made },
      describeRuntime: (signal) => opening.describe(signal),
      devices: () => devices.list(pods),
      cpus: () => cpus.list(pods),
      memory,
      streams: new PodStreams(runtime, pods, directories),
      hostIP,
    },
    stopping,
  );
  await devices.start(pods, { ...cpus.served, ...memory.served });
  cpus.start(pods, runtime, stopping);
  const restore = await captures.restores.plan(stopping);
  let working: Promise<unknown> = Promise.resolve();
  return {
    control,
    start() {
      pods.start();
      // Restored pods may need ConfigMaps and Secrets that are described there.
      working = watchManifests(settings, pods, log, stopping).then(restore);
    },
    async close() {
      await pods.close();
      await devices.close();
      await working.catch(() => undefined);
    },
  };
}

/** Everything that is on disk, and what a process that was killed has left in the runtime. */
async function openAll(
  parts: NodeParts,
  shared: { runtime: Runtime; images: Images; directory: CheckpointsDirectory },
) {
  try {
    const openedPods = await openPods(parts, shared.runtime, shared.images);
    const { pods, directories } = openedPods;
    const captures = await openCaptures(parts, { ...shared, pods, directories });
    await captures.restores.endDrained(parts.stopping);
    return { openedPods, captures };
  } finally {
    // Whatever is wrong here, nothing stays paused.
    await parts.opened.recover?.();
  }
}

/** The pods that the node has accepted, and who gives them devices, CPUs and memory. */
async function openPods(
  { settings, opened, deviceMetrics, log }: NodeParts,
  runtime: Runtime,
  images: Images,
) {
  const { rootDirectory } = settings;
  const store = new PodFiles(join(rootDirectory, 'stasis/pods'), (message) => log('error', message));
  const devices = await openNodeDevices(rootDirectory, deviceMetrics, log);
  const cpus = await openNodeCpus(rootDirectory, settings.cpus, log);
  const memory = await openNodeMemory(rootDirectory, settings.memory, log);
  const resources: NodeResources[] = [devices.resources, cpus.resources, memory.resources];
  const hostIP = hostAddress();
  const capacity = { cpu: availableParallelism(), memory: totalmem() };
  const place = { nodeName: settings.nodeName, hostIP, capacity };
  const directories = new PodDirectories(rootDirectory, settings.podLogs, tmpfsVolumes, place);
  const { insidePod } = opened;
  const ask = probes({
    runtime,
    hostIP,
    onHostNetwork: (uid) => pods.byUid(uid)?.pod.spec.hostNetwork === true,
    ...(insidePod ? { insidePod } : {}),
  });
  const pods: NodePods = new NodePods({ runtime, images, store, directories, resources, place, ask, log });
  await pods.load();
  return { pods, directories, devices, cpus, memory, hostIP };
}

interface OpenedPods {
  runtime: Runtime;
  images: Images;
  pods: NodePods;
  directories: PodDirectories;
  directory: CheckpointsDirectory;
}

/** How containers and pods are captured and restored, and what is kept of them. */
async function openCaptures({ settings, opening, log, stopping }: NodeParts, opened: OpenedPods) {
  const { images, ...shared } = opened;
  const { runtime, pods, directory } = shared;
  const { watch } = opening;
  const ours = join(settings.rootDirectory, 'stasis');
  const space = new FreeSpace({
    floor: settings.freeSpaceFloor,
    folders: [directory.path, ...(await opening.imageFolders(images, stopping))],
  });
  const { runtimeRequestTimeout, whenBusy } = settings;
  const containerCheckpoints = new ContainerCheckpoints({
    ...{ runtime, directory: directory.path, runtimeRequestTimeout, whenBusy, space, watch },
    knownContainers: (namespace, pod) => {
      const record = pods.find(namespace, pod);
      return record && allContainers(record.pod).map(({ name }) => name);
    },
  });
  await containerCheckpoints.prepare();
  const common = { ...shared, nodeId: await identity(join(ours, 'node-id')), log };
  const timeout = Math.max(600, runtimeRequestTimeout);
  const compare = comparison(images);
  return {
    space,
    containerCheckpoints,
    podCheckpoints: new PodCheckpoints({ ...common, defaultTimeout: runtimeRequestTimeout, space, watch }),
    restores: new PodRestores({
      ...{ ...common, unpackVolume, scratch: join(ours, 'restore'), timeout },
      forecastCompare: compare,
      ...(settings.runtimeSocket === undefined ? {} : { compare }),
    }),
    containerRestores: new ContainerRestores({ ...common, compare }),
    kept: new KeptCheckpoints({
      directory,
      hasPod: (namespace, name) => pods.find(namespace, name) !== undefined,
    }),
  };
}

async function pullGivenImages(settings: Settings, images: Images, signal: AbortSignal): Promise<void> {
  for (const image of settings.images) {
    await images.pullImage({ image: { image } }, { signal }).catch((error: unknown) => {
      throw new CodedError('invalid-argument', `--image ${image}: ${messageOf(error)}`);
    });
  }
}

/** Compares what a restore needs with this node; images are those of its runtime. */
function comparison(images: Images): CompareWithNode {
  return async (needs, signal) => {
    const findImage = async (image: string): Promise<string | undefined> =>
      (await images.imageStatus({ image: { image } }, { signal })).image?.id;
    return compareWithNode(needs, { findImage, signal });
  };
}

/** Makes the node's pods those of the manifests, now and whenever these change. */
async function watchManifests(
  settings: Settings,
  pods: NodePods,
  log: Log,
  stopping: AbortSignal,
): Promise<void> {
  if (settings.manifests === undefined) return;
  const manifests = new ManifestDirectory({
    directory: settings.manifests,
    node: settings.nodeName,
    log: (message) => log('warn', message),
  });
  const inTurn = new InTurn();
  const apply = () =>
    inTurn
      .run('manifests', async () => {
        const found = stopping.aborted ? undefined : await manifests.read();
        if (found) await pods.applyManifests(found.pods, found.configuration);
      })
      .catch((error: unknown) => log('error', `taking over the manifests: ${messageOf(error)}`));
  manifests.watch(apply, stopping);
  const timer = setInterval(apply, manifestInterval);
  stopping.addEventListener('abort', () => clearInterval(timer), { once: true });
  await apply();
}

/** A random identity that stays with the root directory. */
async function identity(path: string): Promise<string> {
  const known = await readFile(path, 'utf8').catch(() => '');
  if (known.trim() !== '') return known.trim();
  const made = randomUUID();
  await writeFileAtomic(path, new TextEncoder().encode(`${made}\n`));
  return made;
}
