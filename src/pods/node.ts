import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { bodies, type CheckpointTarget } from '../api/kubelet-checkpoint.ts';
import type {
  CheckpointDescription,
  CheckpointSummary,
  ContainerCheckpointResult,
  CpuSummary,
  DeviceSummary,
  GivenMemory,
  NodeMemoryStatus,
  NodeStatus,
  PodCheckpointResult,
  PodDetails,
  PodSummary,
  RuntimeStatus,
} from '../api/stasis.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import type { FinishedCheckpoint } from './checkpointer.ts';
import type { ContainerCheckpoints } from './container-checkpoints.ts';
import { type ContainerRestores, kindOfArchive } from './container-restores.ts';
import type { FreeSpace } from './free-space.ts';
import type { KeptCheckpoints } from './kept-checkpoints.ts';
import type { MakeResult } from './look-tasks.ts';
import type { MadeArchives } from './made-archives.ts';
import type {
  Inserted,
  LookInside,
  MakeRequest,
  NodeControl,
  ReadyCheck,
  RestoreFrom,
  Upload,
} from './node-control.ts';
import type { NodePods } from './node-pods.ts';
import { gracePeriod, type Pod, podName } from './pod.ts';
import type { PodCheckpointChoices, PodCheckpoints } from './pod-checkpoints.ts';
import type { PodRestores } from './pod-restores.ts';
import { actualPod, type Runtime, sandboxAddress } from './pod-runtime.ts';
import type { PodStreams } from './pod-streams.ts';
import type { Tell } from './progress.ts';
import type { RestoreForecast } from './restore-dry-run.ts';
import { rpcErrorText } from './rpc-error.ts';

export interface NodeOptions {
  name: string;
  version: string;
  rootDirectory: string;
  runtime: Runtime;
  pods: NodePods;
  kept: KeptCheckpoints;
  made: MadeArchives;
  space: FreeSpace;
  look: LookInside;
  /** What there is to know about the container runtime. */
  describeRuntime(signal: AbortSignal): Promise<RuntimeStatus>;
  containerCheckpoints: ContainerCheckpoints;
  podCheckpoints: PodCheckpoints;
  restores: PodRestores;
  containerRestores: ContainerRestores;
  devices: () => DeviceSummary[];
  cpus: () => CpuSummary[];
  memory: DescribedMemory;
  streams: PodStreams;
  /** Address that pods on the node's network are told. */
  hostIP: string;
}

/** The memory of the node, as its memory manager tells it. */
export interface DescribedMemory {
  describe(pods: readonly Pod[]): NodeMemoryStatus;
  givenTo(podUid: string, container: string): GivenMemory[];
}

/** This node, as its API shows it. */
export class Node implements NodeControl {
  readonly #options: NodeOptions;
  readonly #stopping: AbortSignal;

  /** @param stopping ends what goes on without a client */
  constructor(options: NodeOptions, stopping: AbortSignal) {
    this.#options = options;
    this.#stopping = stopping;
  }

  get look(): LookInside {
    return this.#options.look;
  }

  containersOf(namespace: string, pod: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    return this.#options.containerCheckpoints.containersOf(namespace, pod, signal);
  }

  checkpoint(
    target: CheckpointTarget,
    timeout: bigint,
    signal: AbortSignal,
    tell?: Tell,
  ): Promise<FinishedCheckpoint> {
    const { pods, containerCheckpoints } = this.#options;
    const uid = pods.find(target.namespace, target.pod)?.pod.metadata.uid;
    const work = () => containerCheckpoints.checkpoint(target, timeout, signal, tell);
    return uid === undefined ? work() : pods.undisturbed(uid, work);
  }

  async checkpointContainer(
    target: CheckpointTarget,
    timeout: number,
    signal: AbortSignal,
    tell?: Tell,
  ): Promise<ContainerCheckpointResult> {
    const containers = await this.containersOf(target.namespace, target.pod, signal);
    if (!containers) throw new CodedError('not-found', bodies.podUnknown);
    if (!containers.includes(target.container)) {
      throw new CodedError('not-found', bodies.containerUnknown(target.container));
    }
    const {
      path,
      size = 0,
      frozenMicroseconds,
    } = await this.checkpoint(target, BigInt(timeout), signal, tell);
    return {
      ...target,
      name: basename(path),
      archive: path,
      size,
      ...(frozenMicroseconds === undefined ? {} : { frozenMicroseconds }),
    };
  }

  async status(signal: AbortSignal): Promise<NodeStatus> {
    const { name, version, rootDirectory, runtime, pods, hostIP, memory } = this.#options;
    const found = await runtime.version({}, { signal, timeoutMs: 10_000 });
    return {
      apiVersion: 'stasis/v1',
      kind: 'Node',
      name,
      version,
      rootDirectory,
      runtime: { name: found.runtimeName, version: found.runtimeVersion },
      hostIP,
      oldSandboxes: await oldSandboxes(),
      drained: pods.drained,
      memory: memory.describe(pods.records().map(({ pod }) => pod)),
    };
  }

  runtime(signal: AbortSignal): Promise<RuntimeStatus> {
    return this.#options.describeRuntime(signal);
  }

  async ready(signal: AbortSignal): Promise<ReadyCheck[]> {
    const { runtime, space } = this.#options;
    const answers = runtime.version({}, { signal, timeoutMs: 5_000 });
    const [called, free] = await Promise.allSettled([answers, space.check()]);
    return [
      {
        name: 'runtime',
        problem: called.status === 'fulfilled' ? undefined : rpcErrorText(called.reason),
      },
      { name: 'disk', problem: free.status === 'fulfilled' ? undefined : messageOf(free.reason) },
    ];
  }

  async pods(signal: AbortSignal): Promise<PodSummary[]> {
    return (await this.#options.pods.summaries(signal)).map((pod) => this.#withMemory(pod));
  }

  /** What its containers have of NUMA nodes is the memory manager's to say. */
  #withMemory(pod: PodSummary): PodSummary {
    const containers = pod.containers.map((container) => {
      const givenMemory = this.#options.memory.givenTo(pod.uid, container.name);
      return givenMemory.length > 0 ? { ...container, givenMemory } : container;
    });
    return { ...pod, containers };
  }

  async cpus(): Promise<CpuSummary[]> {
    return this.#options.cpus();
  }

  async devices(): Promise<DeviceSummary[]> {
    return this.#options.devices();
  }

  get streams(): PodStreams {
    return this.#options.streams;
  }

  async pod(namespace: string, name: string, signal: AbortSignal): Promise<PodDetails> {
    const { pods, runtime, hostIP } = this.#options;
    const record = pods.find(namespace, name);
    if (!record) throw new CodedError('not-found', `this node has no pod ${namespace}/${name}`);
    const actual = await actualPod(runtime, record.pod.metadata.uid, signal);
    const summary = this.#withMemory(pods.summary(record, actual));
    const onHost = record.pod.spec.hostNetwork === true;
    const own =
      onHost || summary.sandboxId === '' ? '' : await sandboxAddress(runtime, summary.sandboxId, signal);
    return {
      ...{ apiVersion: 'stasis/v1', kind: 'Pod', ...summary, pod: record.pod, seen: record.seen },
      ...(record.manifest ? { manifest: record.manifest.file } : {}),
      network: summary.sandboxId === '' ? '' : onHost ? 'host' : own === '' ? 'loopback' : 'pod',
      address: onHost ? hostIP : own,
      configuration: (record.configuration ?? []).map((item) => `${item.kind} ${item.name}`),
      events: [...pods.events(record.pod.metadata.uid)],
    };
  }

  async deletePod(namespace: string, name: string): Promise<void> {
    const { pods } = this.#options;
    const record = pods.find(namespace, name);
    if (!record) throw new CodedError('not-found', `this node has no pod ${namespace}/${name}`);
    if (record.manifest) {
      throw new CodedError(
        'failed-precondition',
        `pod ${podName(record.pod)} is described by ${record.manifest.file}`,
        {
          hint: 'remove that file, and the pod ends',
        },
      );
    }
    await pods.remove(record, gracePeriod(record.pod));
  }

  checkpointPod(
    namespace: string,
    name: string,
    how: PodCheckpointChoices,
    signal: AbortSignal,
    tell?: Tell,
  ): Promise<PodCheckpointResult> {
    return this.#options.podCheckpoints.checkpoint(namespace, name, how, signal, tell);
  }

  drain(how: PodCheckpointChoices, signal: AbortSignal): Promise<PodCheckpointResult[]> {
    return this.#options.podCheckpoints.drain(how, signal);
  }

  async uncordon(): Promise<void> {
    const { pods, restores } = this.#options;
    const restore = await restores.plan(this.#stopping);
    pods.drained = false;
    await restore();
  }

  async restore(request: RestoreFrom, signal: AbortSignal): Promise<PodSummary> {
    const { restores, containerRestores, pods, runtime } = this.#options;
    const kind = await kindOfArchive(request.archive, signal);
    const record =
      kind === 'pod'
        ? await restores.restorePod(request.archive, request, signal)
        : await containerRestores.restore(request.archive, request, signal);
    return pods.summary(record, await actualPod(runtime, undefined, signal));
  }

  async restoreForecast(request: RestoreFrom, signal: AbortSignal): Promise<RestoreForecast> {
    const { restores, containerRestores } = this.#options;
    const kind = await kindOfArchive(request.archive, signal);
    const from = kind === 'pod' ? restores : containerRestores;
    return from.forecast(request.archive, request, signal);
  }

  checkpoints(): Promise<CheckpointSummary[]> {
    return this.#options.kept.list();
  }

  findCheckpoint(name: string): Promise<CheckpointSummary> {
    return this.#options.kept.find(name);
  }

  describeCheckpoint(name: string, signal: AbortSignal): Promise<CheckpointDescription> {
    return this.#options.kept.describe(name, signal);
  }

  pinCheckpoint(name: string, by: string, reason: string): Promise<void> {
    return this.#options.kept.pin(name, by, reason);
  }

  unpinCheckpoint(name: string): Promise<void> {
    return this.#options.kept.unpin(name);
  }

  deleteCheckpoint(name: string, force: boolean): Promise<void> {
    return this.#options.kept.delete(name, force);
  }

  extract(compression: 'none' | 'gzip' | 'zstd', signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { look, kept } = this.#options;
    return look.read({ kind: 'extract', directory: kept.directory, compression }, signal);
  }

  insert(upload: Upload, signal: AbortSignal): Promise<Inserted> {
    return this.#options.made.insert(upload, signal);
  }

  makeArchive(
    of: CheckpointSummary,
    request: MakeRequest,
    signal: AbortSignal,
  ): Promise<{ checkpoint: CheckpointSummary } & MakeResult> {
    return this.#options.made.make(of, request, signal);
  }
}

/** Where dockershim and cri-dockerd kept their pods. */
const oldSandboxFolders = ['/var/lib/dockershim/sandbox', '/var/lib/cri-dockerd/sandbox'];

async function oldSandboxes(): Promise<NodeStatus['oldSandboxes']> {
  const found = await Promise.all(
    oldSandboxFolders.map(async (folder) => ({
      folder,
      count: (await readdir(folder).catch(() => [])).filter((name) => !name.startsWith('.')).length,
    })),
  );
  return found.filter(({ count }) => count > 0);
}
