import type { Client } from '@connectrpc/connect';
import type {
  ContainerConfig,
  ImageService,
  PodSandboxConfig,
  RuntimeService,
} from '../gen/cri/v1/api_pb.ts';
import { ContainerState, PodSandboxState } from '../gen/cri/v1/api_pb.ts';
import { annotations, labels } from './labels.ts';
import { fromRpc } from './rpc-error.ts';

/** The container runtime, whichever it is. */
export type Runtime = Client<typeof RuntimeService>;
export type Images = Client<typeof ImageService>;

export interface ActualSandbox {
  id: string;
  attempt: number;
  /** Nanoseconds since 1970. */
  createdAt: bigint;
  ready: boolean;
  uid: string;
  namespace: string;
  name: string;
  /** Sandbox id of the checkpoint it came from, or empty. */
  restoredFrom: string;
}

export interface ActualContainer {
  id: string;
  sandboxId: string;
  name: string;
  image: string;
  restarts: number;
  createdAt: bigint;
  state: 'created' | 'running' | 'exited' | 'unknown';
  /** Of an exited one: milliseconds since 1970, and what it ended with. */
  startedAt?: number;
  finishedAt?: number;
  exitCode?: number;
}

/** What there is of one pod, newest first. */
export interface ActualPod {
  sandboxes: ActualSandbox[];
  containers: ActualContainer[];
}

const states: Record<number, ActualContainer['state']> = {
  [ContainerState.CONTAINER_CREATED]: 'created',
  [ContainerState.CONTAINER_RUNNING]: 'running',
  [ContainerState.CONTAINER_EXITED]: 'exited',
};

/** How long a call may take that only asks or makes small things; milliseconds. */
const shortCall = 120_000;

/** What there is of the pod with this uid; of every pod without one. */
export async function actualPod(
  runtime: Runtime,
  uid: string | undefined,
  signal: AbortSignal,
): Promise<ActualPod> {
  const labelSelector: Record<string, string> = uid === undefined ? {} : { [labels.podUid]: uid };
  const options = { signal, timeoutMs: shortCall };
  try {
    const [{ items }, { containers }] = await Promise.all([
      runtime.listPodSandbox({ filter: { labelSelector } }, options),
      runtime.listContainers({ filter: { labelSelector } }, options),
    ]);
    return {
      sandboxes: items.map(sandboxOf).sort(newestFirst),
      containers: (await Promise.all(containers.map((item) => containerOf(runtime, item, signal)))).sort(
        newestFirst,
      ),
    };
  } catch (error) {
    throw fromRpc('asking the container runtime for its pods', error);
  }
}

/** What there is of one pod, out of what there is of all. */
export function ofPod(actual: ActualPod, uid: string): ActualPod {
  const sandboxes = actual.sandboxes.filter((sandbox) => sandbox.uid === uid);
  const ids = new Set(sandboxes.map(({ id }) => id));
  return { sandboxes, containers: actual.containers.filter(({ sandboxId }) => ids.has(sandboxId)) };
}

type ListedSandbox = Awaited<ReturnType<Runtime['listPodSandbox']>>['items'][number];
type ListedContainer = Awaited<ReturnType<Runtime['listContainers']>>['containers'][number];

function sandboxOf(item: ListedSandbox): ActualSandbox {
  return {
    id: item.id,
    attempt: item.metadata?.attempt ?? 0,
    createdAt: item.createdAt,
    ready: item.state === PodSandboxState.SANDBOX_READY,
    uid: item.metadata?.uid ?? '',
    namespace: item.metadata?.namespace ?? '',
    name: item.metadata?.name ?? '',
    restoredFrom: item.annotations[annotations.restoredFrom] ?? '',
  };
}

async function containerOf(
  runtime: Runtime,
  item: ListedContainer,
  signal: AbortSignal,
): Promise<ActualContainer> {
  const known: ActualContainer = {
    id: item.id,
    sandboxId: item.podSandboxId,
    name: item.metadata?.name ?? '',
    image: item.image?.userSpecifiedImage || item.image?.image || item.imageRef,
    restarts: Number(item.annotations[annotations.restartCount] ?? item.metadata?.attempt ?? 0),
    createdAt: item.createdAt,
    state: states[item.state] ?? 'unknown',
  };
  if (known.state !== 'exited') return known;
  const { status } = await runtime.containerStatus(
    { containerId: item.id },
    { signal, timeoutMs: shortCall },
  );
  if (!status) return known;
  return {
    ...known,
    startedAt: Number(status.startedAt / 1_000_000n),
    finishedAt: Number(status.finishedAt / 1_000_000n),
    exitCode: status.exitCode,
  };
}

function newestFirst(a: { createdAt: bigint }, b: { createdAt: bigint }): number {
  return a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0;
}

export async function runSandbox(
  runtime: Runtime,
  config: PodSandboxConfig,
  signal: AbortSignal,
): Promise<string> {
  try {
    return (await runtime.runPodSandbox({ config }, { signal, timeoutMs: shortCall })).podSandboxId;
  } catch (error) {
    throw fromRpc('making the pod sandbox', error);
  }
}

export async function hasImage(images: Images, image: string, signal: AbortSignal): Promise<boolean> {
  try {
    const { image: found } = await images.imageStatus({ image: { image } }, { signal, timeoutMs: shortCall });
    return found !== undefined;
  } catch (error) {
    throw fromRpc(`looking for image ${image}`, error);
  }
}

/** Sees to it that an image is there: one that is missing is taken from where its name says it lies. */
export async function ensureImage(images: Images, image: string, signal: AbortSignal): Promise<void> {
  const options = { signal, timeoutMs: shortCall };
  try {
    const { image: found } = await images.imageStatus({ image: { image } }, options);
    if (!found) await images.pullImage({ image: { image } }, { signal, timeoutMs: 10 * shortCall });
  } catch (error) {
    throw fromRpc(`getting image ${image}`, error);
  }
}

export async function createContainer(
  runtime: Runtime,
  sandboxId: string,
  config: ContainerConfig,
  sandbox: PodSandboxConfig,
  signal: AbortSignal,
): Promise<string> {
  try {
    const request = { podSandboxId: sandboxId, config, sandboxConfig: sandbox };
    return (await runtime.createContainer(request, { signal, timeoutMs: shortCall })).containerId;
  } catch (error) {
    throw fromRpc(`creating container ${config.metadata?.name}`, error);
  }
}

export async function startContainer(
  runtime: Runtime,
  id: string,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await runtime.startContainer({ containerId: id }, { signal, timeoutMs: shortCall });
  } catch (error) {
    throw fromRpc(`starting container ${name}`, error);
  }
}

/** Ends a container; one that has ended is no error. @param grace seconds between SIGTERM and SIGKILL */
export async function stopContainer(
  runtime: Runtime,
  id: string,
  grace: number,
  signal: AbortSignal,
): Promise<void> {
  const options = { signal, timeoutMs: shortCall + grace * 1000 };
  try {
    await runtime.stopContainer({ containerId: id, timeout: BigInt(grace) }, options);
  } catch (error) {
    throw fromRpc('ending a container', error);
  }
}

/** The pod's own address, or empty where it has none: on the node's network, or reaching itself alone. */
export async function sandboxAddress(runtime: Runtime, id: string, signal: AbortSignal): Promise<string> {
  const options = { signal, timeoutMs: shortCall };
  try {
    const { status } = await runtime.podSandboxStatus({ podSandboxId: id }, options);
    return status?.network?.ip ?? '';
  } catch (error) {
    throw fromRpc('asking for the address of a pod', error);
  }
}

export async function removeContainer(runtime: Runtime, id: string, signal: AbortSignal): Promise<void> {
  try {
    await runtime.removeContainer({ containerId: id }, { signal, timeoutMs: shortCall });
  } catch (error) {
    throw fromRpc('removing an old container', error);
  }
}

/**
 * Ends a sandbox and everything in it: containers first, all at once, each with `grace` seconds between
 * SIGTERM and SIGKILL.
 */
export async function removeSandbox(
  runtime: Runtime,
  id: string,
  grace: number,
  signal: AbortSignal,
): Promise<void> {
  const options = { signal, timeoutMs: shortCall + grace * 1000 };
  try {
    const { containers } = await runtime.listContainers({ filter: { podSandboxId: id } }, options);
    const alive = containers.filter(({ state }) => state !== ContainerState.CONTAINER_EXITED);
    await Promise.all(
      alive.map((item) => runtime.stopContainer({ containerId: item.id, timeout: BigInt(grace) }, options)),
    );
    await runtime.stopPodSandbox({ podSandboxId: id }, options);
    await runtime.removePodSandbox({ podSandboxId: id }, options);
  } catch (error) {
    throw fromRpc(`ending pod sandbox ${id.slice(0, 13)}`, error);
  }
}
