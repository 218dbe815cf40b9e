import { randomInt } from 'node:crypto';
import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { frozenUntilRemoved, volumeOption } from '../api/cri-options.ts';
import type { WatchRuntime } from '../api/runtime-events.ts';
import type { PodCheckpointResult } from '../api/stasis.ts';
import type { JsonObject } from '../bytes/go-json.ts';
import { podAnnotations } from '../checkpoint/layout.ts';
import { CodedError } from '../errors/coded-error.ts';
import {
  type CheckpointedContainer,
  checkpointedContainer,
  checkpointedPod,
  entryMembers,
} from '../kubeletstate/checkpointed-pods.ts';
import { privateDirectory } from '../localfs/atomic-file.ts';
import type { CheckpointsDirectory } from '../localfs/checkpoints-directory.ts';
import { fileDigest } from '../localfs/file-digest.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import { terminationMessagePath } from './cri-config.ts';
import type { FreeSpace } from './free-space.ts';
import { InTurn } from './in-turn.ts';
import { memoryOf } from './memory-estimate.ts';
import { containersIn, newest } from './next-step.ts';
import type { Log, NodePods } from './node-pods.ts';
import { allContainers, gracePeriod, podName } from './pod.ts';
import { frozenMicrosecondsIn, volumeMember, writePodArchive } from './pod-archive.ts';
import type { PodDirectories } from './pod-directories.ts';
import { type ActualContainer, type ActualSandbox, actualPod, type Runtime } from './pod-runtime.ts';
import type { PodRecord } from './pod-store.ts';
import { bytesIn, checkVolumeBytes, type VolumeArchive, type VolumeChoice } from './pod-volumes.ts';
import { CheckpointProgress, type Tell } from './progress.ts';
import { fromRpc } from './rpc-error.ts';

export interface PodCheckpointOptions {
  runtime: Runtime;
  pods: NodePods;
  directories: PodDirectories;
  directory: CheckpointsDirectory;
  /** Identity of this root directory. */
  nodeId: string;
  /** Seconds that the capture of one pod may take where nobody says otherwise. */
  defaultTimeout: number;
  space: FreeSpace;
  /** How to learn what the runtime is doing, where it tells. */
  watch?: WatchRuntime;
  log: Log;
}

/** What a client may choose. */
export interface PodCheckpointChoices {
  /** Seconds; 0 for the default. */
  timeout: number;
  /** `emptydir` where it is left out. */
  volumes?: VolumeChoice;
}

/** Longest time that a timer can wait, in milliseconds. */
const longestTimer = 2 ** 31 - 1;

/** Checkpoints of whole pods: one archive for each beside `checkpointed.pods`, and an entry in that list. */
export class PodCheckpoints {
  readonly #options: PodCheckpointOptions;
  readonly #draining = new InTurn();

  constructor(options: PodCheckpointOptions) {
    this.#options = options;
  }

  /**
   * Captures every running container of a pod in one cut and leaves the pod running.
   */
  async checkpoint(
    namespace: string,
    name: string,
    how: PodCheckpointChoices,
    signal: AbortSignal,
    tell: Tell = () => undefined,
  ): Promise<PodCheckpointResult> {
    const record = this.#options.pods.find(namespace, name);
    if (!record) throw new CodedError('not-found', `this node has no pod ${namespace}/${name}`);
    const { uid } = record.pod.metadata;
    tell({ stage: 'waiting' });
    return this.#options.pods.exclusively(uid, async (stopping) => {
      const current = this.#options.pods.byUid(uid) ?? record;
      return this.#capture(current, how, false, AbortSignal.any([signal, stopping]), tell);
    });
  }

  /**
   * Captures each pod and ends it, and takes no new ones until {@link uncordon} or the next start. The first pod
   * that cannot be captured stops the drain: it and those after it go on running, those before it can be
   * restored by uncordon.
   */
  drain(how: PodCheckpointChoices, signal: AbortSignal): Promise<PodCheckpointResult[]> {
    const { pods, log } = this.#options;
    return this.#draining.run('', async () => {
      pods.drained = true;
      const results: PodCheckpointResult[] = [];
      for (const record of pods.records()) {
        if (record.drained) continue;
        const { uid } = record.pod.metadata;
        const result = await pods.exclusively(uid, async (stopping) => {
          // It may have changed, or gone, while it waited for its turn.
          const current = pods.byUid(uid);
          return current && this.#drainOne(current, how, AbortSignal.any([signal, stopping]));
        });
        if (result) results.push(result);
      }
      log('info', `the node is drained, ${results.length} pods are checkpointed`);
      return results;
    });
  }

  async #drainOne(
    record: PodRecord,
    how: PodCheckpointChoices,
    signal: AbortSignal,
  ): Promise<PodCheckpointResult | undefined> {
    const { pods } = this.#options;
    const { uid, namespace, name } = record.pod.metadata;
    const { containers } = await actualPod(this.#options.runtime, uid, signal);
    if (!containers.some(({ state }) => state === 'running')) {
      // Nothing runs that could be captured: it has ended, or has not come to run. It starts afresh later.
      await pods.accept({ ...record, drained: true });
      await pods.stop(record, 0, signal);
      return undefined;
    }
    const result = await this.#capture(record, how, true, signal);
    this.#options.log('info', `pod ${namespace}/${name} is checkpointed and ended`, {
      archive: result.archive,
    });
    return result;
  }

  async #capture(
    record: PodRecord,
    how: PodCheckpointChoices,
    drain: boolean,
    signal: AbortSignal,
    tell: Tell = () => undefined,
  ): Promise<PodCheckpointResult> {
    const { runtime, directory, space, watch } = this.#options;
    const { pod } = record;
    const actual = await actualPod(runtime, pod.metadata.uid, signal);
    const sandbox = actual.sandboxes.find(({ ready }) => ready);
    const running = sandbox ? containersIn(actual, sandbox).filter(({ state }) => state === 'running') : [];
    if (!sandbox || running.length === 0) {
      throw new CodedError(
        'failed-precondition',
        `pod ${podName(pod)} has no running container to checkpoint`,
      );
    }
    signal.throwIfAborted();
    const ids = running.map(({ id }) => id);
    const memory = await memoryOf(runtime, ids, signal);
    const volumes = await this.#volumesOf(record, how);
    const held = await bytesIn(volumes.values(), signal);
    checkVolumeBytes(`checkpointing pod ${podName(pod)}`, held);
    // Volumes lie beside the other parts before all are packed, as those do.
    await space.check(memory + held);
    await makeDirectories(directory.path, privateDirectory);
    await chmod(directory.path, privateDirectory);
    const progress = new CheckpointProgress(ids, watch, memory, tell);
    const folder = join(directory.path, `.${randomInt(2 ** 47)}`);
    try {
      await mkdir(folder, { mode: privateDirectory });
      const archive = directory.archivePath(sandbox.id);
      const { size, frozen } = await space.during(signal, async (again) => {
        await this.#captureInto(folder, sandbox, running, volumes, how.timeout, drain, again);
        const still = await frozenMicrosecondsIn(folder);
        const packed = await this.#pack(archive, folder, record, sandbox, running, volumes, still, again);
        return { size: packed, frozen: still };
      });
      await directory.addPod(await this.#entry(record, sandbox, running, frozen, drain));
      if (drain) {
        // It is still frozen, and is killed so: nothing that it could do after the checkpoint is lost. From here on
        // nobody stops it half-way: a pod that ran again could not be restored as it then is.
        await this.#options.pods.accept({ ...record, drained: true });
        await this.#options.pods.stop(record, 0, new AbortController().signal);
      }
      return {
        namespace: pod.metadata.namespace,
        name: pod.metadata.name,
        sandboxId: sandbox.id,
        archive,
        size,
        ...(frozen === undefined ? {} : { frozenMicroseconds: frozen }),
      };
    } finally {
      await progress.settled();
      progress.close();
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** The folders of the pod's own that are captured with it; one whose pod never had it made is left out. */
  async #volumesOf({ pod }: PodRecord, { volumes }: PodCheckpointChoices): Promise<Map<string, string>> {
    const found = volumes === 'none' ? [] : [...this.#options.directories.emptyDirs(pod)];
    const there = await Promise.all(
      found.map(([, path]) =>
        stat(path).then(
          (info) => info.isDirectory(),
          () => false,
        ),
      ),
    );
    return new Map(found.filter((_, index) => there[index]));
  }

  async #captureInto(
    outputPath: string,
    sandbox: ActualSandbox,
    running: readonly ActualContainer[],
    volumes: ReadonlyMap<string, string>,
    timeout: number,
    drain: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const options: Record<string, string> = drain ? { [frozenUntilRemoved]: 'true' } : {};
    for (const [name, path] of volumes) options[`${volumeOption}${name}`] = path;
    const timeoutMs = Math.min(longestTimer, (timeout || this.#options.defaultTimeout) * 1000);
    const containerIds = running.map(({ id }) => id);
    try {
      await this.#options.runtime.checkpointPod(
        { podSandboxId: sandbox.id, outputPath, containerIds, options },
        { signal, timeoutMs },
      );
    } catch (error) {
      throw fromRpc(`checkpointing pod ${sandbox.namespace}/${sandbox.name}`, error);
    }
  }

  async #pack(
    archive: string,
    folder: string,
    record: PodRecord,
    sandbox: ActualSandbox,
    running: readonly ActualContainer[],
    volumes: ReadonlyMap<string, string>,
    frozen: number | undefined,
    signal: AbortSignal,
  ): Promise<number> {
    const files = await readdir(folder);
    const containers = Object.fromEntries(running.map(({ name }) => [name, `${name}.tar`]));
    const missing = Object.values(containers).find((file) => !files.includes(file));
    if (missing) {
      throw new CodedError(
        'internal',
        `the container runtime wrote no ${missing} for pod ${podName(record.pod)}`,
      );
    }
    return writePodArchive(
      archive,
      {
        sandbox: this.#options.pods.sandboxConfig(record, sandbox.attempt),
        containers,
        volumes: await this.#volumesIn(folder, volumes.keys(), signal),
        annotations: frozen === undefined ? {} : { [podAnnotations.frozenMicroseconds]: String(frozen) },
        pod: record.pod,
      },
      folder,
      signal,
    );
  }

  /** What the runtime has written of the volumes. One that knows no such option has written nothing. */
  async #volumesIn(folder: string, names: Iterable<string>, signal: AbortSignal) {
    const volumes: Record<string, VolumeArchive> = {};
    for (const name of names) {
      const file = volumeMember(name);
      const info = await stat(join(folder, file)).catch(() => undefined);
      if (!info) {
        this.#options.log(
          'warn',
          `volume ${name} is not in the archive: the container runtime reads no volumes`,
        );
        continue;
      }
      const digest = await fileDigest(join(folder, file), signal);
      volumes[name] = { file, size: info.size, sha256: digest.replace(/^sha256:/, '') };
    }
    return volumes;
  }

  async #entry(
    record: PodRecord,
    sandbox: ActualSandbox,
    running: readonly ActualContainer[],
    frozen: number | undefined,
    drain: boolean,
  ) {
    const { pod } = record;
    const extra: JsonObject = new Map([[entryMembers.node, this.#options.nodeId]]);
    if (frozen !== undefined) extra.set(entryMembers.frozenMicroseconds, String(frozen));
    if (drain) extra.set(entryMembers.drained, new Date().toISOString());
    const containers: CheckpointedContainer[] = [];
    for (const container of allContainers(pod)) {
      const found = newest(running, container.name);
      if (!found) continue;
      containers.push(
        checkpointedContainer({
          name: container.name,
          image: container.image,
          id: found.id,
          restartCount: found.restarts,
          terminationMessagePath: terminationMessagePath(container),
          terminationMessagePolicy: container.terminationMessagePolicy ?? 'File',
          terminationMessagePathUID: await this.#options.directories.terminationLogId(pod, container),
        }),
      );
    }
    return checkpointedPod({
      uid: pod.metadata.uid,
      sandboxId: sandbox.id,
      name: pod.metadata.name,
      namespace: pod.metadata.namespace,
      terminationGracePeriod: gracePeriod(pod),
      configSource: record.manifest ? 'file' : 'checkpoint',
      configSeen: record.seen,
      manager: 'stasis',
      containers,
      extra,
    });
  }
}
