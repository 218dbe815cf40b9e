import { randomInt } from 'node:crypto';
import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { frozenUntilRemoved, volumeOption } from '../api/cri-options.ts';
import type { PodCheckpointResult } from '../api/stasis.ts';
import { podAnnotations } from '../checkpoint/layout.ts';
import { CodedError } from '../errors/coded-error.ts';
import { privateDirectory } from '../localfs/atomic-file.ts';
import { fileDigest } from '../localfs/file-digest.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import { listEntry } from './list-entry.ts';
import { memoryOf } from './memory-estimate.ts';
import { containersIn } from './next-step.ts';
import { podName } from './pod.ts';
import { frozenMicrosecondsIn, volumeMember, writePodArchive } from './pod-archive.ts';
import type { PodCheckpointChoices, PodCheckpointOptions } from './pod-checkpoints.ts';
import { type ActualContainer, type ActualSandbox, actualPod } from './pod-runtime.ts';
import type { PodRecord } from './pod-store.ts';
import { bytesIn, checkVolumeBytes, type VolumeArchive } from './pod-volumes.ts';
import { CheckpointProgress, type Tell } from './progress.ts';
import { fromRpc } from './rpc-error.ts';

/** Longest time that a timer can wait, in milliseconds. */
const longestTimer = 2 ** 31 - 1;

/** Captures one pod: its containers and volumes into one archive, with an entry for it in `checkpointed.pods`. */
export class PodCapture {
  readonly #options: PodCheckpointOptions;

  constructor(options: PodCheckpointOptions) {
    this.#options = options;
  }

  /**
   * To be called while the pod is held exclusively.
   * @param drain whether the pod is ended where it was captured; it runs on otherwise
   */
  async capture(
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
      await directory.addPod(await listEntry(this.#options, record, sandbox, running, { frozen, drain }));
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
}
