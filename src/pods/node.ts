import { readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CheckpointTarget } from '../api/kubelet-checkpoint.ts';
import type {
  CheckpointSummary,
  DeviceSummary,
  NodeStatus,
  PodCheckpointResult,
  PodSummary,
  RestoreRequest,
} from '../api/stasis.ts';
import { parseFileName } from '../checkpoint/file-name.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { CheckpointsDirectory } from '../localfs/checkpoints-directory.ts';
import type { FinishedCheckpoint } from './checkpointer.ts';
import type { ContainerCheckpoints } from './container-checkpoints.ts';
import { type ContainerRestores, kindOfArchive } from './container-restores.ts';
import type { NodeControl } from './node-control.ts';
import type { NodePods } from './node-pods.ts';
import { gracePeriod, podName } from './pod.ts';
import type { PodCheckpoints } from './pod-checkpoints.ts';
import type { PodRestores } from './pod-restores.ts';
import { actualPod, type Runtime } from './pod-runtime.ts';

export interface NodeOptions {
  name: string;
  version: string;
  rootDirectory: string;
  runtime: Runtime;
  pods: NodePods;
  directory: CheckpointsDirectory;
  containerCheckpoints: ContainerCheckpoints;
  podCheckpoints: PodCheckpoints;
  restores: PodRestores;
  containerRestores: ContainerRestores;
  devices: () => DeviceSummary[];
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

  containersOf(namespace: string, pod: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    return this.#options.containerCheckpoints.containersOf(namespace, pod, signal);
  }

  checkpoint(target: CheckpointTarget, timeout: bigint, signal: AbortSignal): Promise<FinishedCheckpoint> {
    const { pods, containerCheckpoints } = this.#options;
    const uid = pods.find(target.namespace, target.pod)?.pod.metadata.uid;
    const work = () => containerCheckpoints.checkpoint(target, timeout, signal);
    return uid === undefined ? work() : pods.undisturbed(uid, work);
  }

  async status(signal: AbortSignal): Promise<NodeStatus> {
    const { name, version, rootDirectory, runtime, pods } = this.#options;
    const found = await runtime.version({}, { signal, timeoutMs: 10_000 });
    return {
      apiVersion: 'stasis/v1',
      kind: 'Node',
      name,
      version,
      rootDirectory,
      runtime: { name: found.runtimeName, version: found.runtimeVersion },
      drained: pods.drained,
    };
  }

  pods(signal: AbortSignal): Promise<PodSummary[]> {
    return this.#options.pods.summaries(signal);
  }

  async devices(): Promise<DeviceSummary[]> {
    return this.#options.devices();
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
    timeout: number,
    signal: AbortSignal,
  ): Promise<PodCheckpointResult> {
    return this.#options.podCheckpoints.checkpoint(namespace, name, timeout, signal);
  }

  drain(timeout: number, signal: AbortSignal): Promise<PodCheckpointResult[]> {
    return this.#options.podCheckpoints.drain(timeout, signal);
  }

  async uncordon(): Promise<void> {
    const { pods, restores } = this.#options;
    const restore = await restores.plan(this.#stopping);
    pods.drained = false;
    await restore();
  }

  async restore(request: RestoreRequest, signal: AbortSignal): Promise<PodSummary> {
    const { restores, containerRestores, pods, runtime } = this.#options;
    const kind = await kindOfArchive(request.archive, signal);
    const record =
      kind === 'pod'
        ? await restores.restorePod(request.archive, request, signal)
        : await containerRestores.restore(request.archive, request, signal);
    return pods.summary(record, await actualPod(runtime, undefined, signal));
  }

  async checkpoints(): Promise<CheckpointSummary[]> {
    const { directory, pods } = this.#options;
    const listed = new Map((await directory.list()).map((item) => [`${item.pod.sandboxId}.tar`, item.pod]));
    const items: CheckpointSummary[] = [];
    for (const name of (await readdir(directory.path).catch(() => [] as string[])).sort()) {
      const path = join(directory.path, name);
      const found =
        name.endsWith('.tar') && !name.startsWith('.') ? await stat(path).catch(() => undefined) : undefined;
      if (!found?.isFile()) continue;
      const common = { name, path, created: found.mtime.toISOString(), size: found.size };
      const pod = listed.get(name);
      if (pod) items.push({ ...common, kind: 'pod', namespace: pod.namespace, pod: pod.name });
      const readings = parseFileName(name);
      const read = readings.find((item) => pods.find(item.namespace, item.pod)) ?? readings[0];
      if (!pod && read) items.push({ ...common, kind: 'container', ...pick(read) });
    }
    return items;
  }

  async deleteCheckpoint(name: string): Promise<void> {
    const { directory } = this.#options;
    const found = (await this.checkpoints()).find((item) => item.name === name);
    if (!found) throw new CodedError('not-found', `this node has no checkpoint ${JSON.stringify(name)}`);
    if (found.kind === 'pod') await directory.remove([basename(name, '.tar')]);
    else await rm(found.path);
  }
}

function pick({ namespace, pod, container }: { namespace: string; pod: string; container: string }) {
  return { namespace, pod, container };
}
