import { randomInt } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tcpClose } from '../api/cri-options.ts';
import { messageOf } from '../errors/coded-error.ts';
import { privateDirectory } from '../localfs/atomic-file.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import type { Log, NodePods } from './node-pods.ts';
import { allContainers, type Pod, podName } from './pod.ts';
import { eachVolume, readPodArchive, unpackPodArchive } from './pod-archive.ts';
import type { PodDirectories } from './pod-directories.ts';
import {
  type ActualContainer,
  type ActualSandbox,
  actualPod,
  type Runtime,
  removeSandbox,
} from './pod-runtime.ts';
import type { PodRecord } from './pod-store.ts';
import { fillVolume, type UnpackVolume } from './pod-volumes.ts';
import { containersPreflight, podPreflight, type RestoreAs } from './restore-as.ts';
import type { CompareWithNode } from './restore-preflight.ts';
import { fromRpc } from './rpc-error.ts';

export interface PodRestorerOptions {
  runtime: Runtime;
  pods: NodePods;
  directories: PodDirectories;
  /** Private folder for what is unpacked during a restore. */
  scratch: string;
  unpackVolume: UnpackVolume;
  /** Seconds that the restore of one pod may take. */
  timeout: number;
  /** Looks for what the containers' archives need of the node; left out for the built-in runtime, which says it itself. */
  compare?: CompareWithNode;
  log: Log;
}

/**
 * Makes one accepted pod from its archive. The sandbox carries the checkpoint's id, so that a restore that was cut
 * off is gone on with, or undone and made anew.
 */
export class PodRestorer {
  readonly #options: PodRestorerOptions;

  constructor(options: PodRestorerOptions) {
    this.#options = options;
  }

  /** Removes what an earlier process had unpacked. */
  async clearScratch(): Promise<void> {
    const { scratch } = this.#options;
    await makeDirectories(scratch, privateDirectory);
    for (const left of await readdir(scratch))
      await rm(join(scratch, left), { recursive: true, force: true });
  }

  /**
   * Makes the pod of `record` from `archive`, or finishes what an earlier process began. To be called while the pod
   * is held exclusively.
   */
  async restore(
    record: PodRecord,
    archive: string,
    signal: AbortSignal,
    tcp?: RestoreAs['tcp'],
  ): Promise<PodRecord> {
    const { pods, scratch } = this.#options;
    const folder = join(scratch, `.${randomInt(2 ** 47)}`);
    try {
      await pods.admit(record, signal);
      const begun = await this.#begun(record, archive, signal);
      if (!begun || !(await this.#goesOn(record, begun, signal))) {
        const made = await this.#make(record, archive, folder, signal, tcp);
        await this.#start(record, made, signal);
      }
      const { restoring: _restoring, ...restored } = record;
      await pods.accept(restored);
      return restored;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Starts what an earlier process made. @returns false where it cannot be started, and is gone */
  async #goesOn(
    record: PodRecord,
    begun: readonly { id: string; name: string }[],
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      await this.#start(record, begun, signal);
      return true;
    } catch (error) {
      if (signal.aborted) throw error;
      const name = podName(record.pod);
      this.#options.log('warn', `pod ${name} is restored anew, its restore was cut off: ${messageOf(error)}`);
      return false;
    }
  }

  /** Where one does not continue, none does: a pod that is restored in part is not the pod of the checkpoint. */
  async #start(
    record: PodRecord,
    containers: readonly { id: string; name: string }[],
    signal: AbortSignal,
  ): Promise<void> {
    const { pods } = this.#options;
    try {
      for (const container of containers) await pods.startContainer(record, container, signal);
    } catch (error) {
      // Whoever starts after us goes on with what is there.
      if (!signal.aborted) await pods.stop(record, 0, signal);
      throw error;
    }
  }

  /**
   * What an earlier process made of this checkpoint before it ended: the containers that are still to be
   * started. Undefined where it made nothing, or not all of it, which is removed then.
   */
  async #begun(
    record: PodRecord,
    archive: string,
    signal: AbortSignal,
  ): Promise<{ id: string; name: string }[] | undefined> {
    const { runtime } = this.#options;
    const actual = await actualPod(runtime, record.pod.metadata.uid, signal);
    const mine = actual.sandboxes.filter(({ restoredFrom }) => restoredFrom === record.restoredFrom);
    const wanted = Object.keys((await readPodArchive(archive, signal)).containers);
    const complete = (sandbox: ActualSandbox) =>
      wanted.every((name) =>
        actual.containers.some(
          (item) => item.sandboxId === sandbox.id && item.name === name && hasOrWill(item),
        ),
      );
    const found = mine.find((sandbox) => sandbox.ready && complete(sandbox));
    for (const sandbox of actual.sandboxes) {
      if (sandbox !== found) await removeSandbox(runtime, sandbox.id, 0, signal);
    }
    if (!found) return undefined;
    return actual.containers.filter(({ sandboxId, state }) => sandboxId === found.id && state === 'created');
  }

  /** Puts back what was in volumes that are the pod's own, before a container can see them. */
  async #fillVolumes(pod: Pod, archive: string, signal: AbortSignal): Promise<void> {
    const { directories, unpackVolume, log } = this.#options;
    const folders = directories.emptyDirs(pod);
    await eachVolume(
      archive,
      async (name, volume, content) => {
        const folder = folders.get(name);
        if (folder === undefined) return;
        const notes = await fillVolume(name, volume, content, folder, unpackVolume, signal);
        for (const note of notes) log('warn', `pod ${podName(pod)}: volume ${name}: ${note}`);
      },
      signal,
    );
  }

  async #make(
    record: PodRecord,
    archive: string,
    folder: string,
    signal: AbortSignal,
    tcp?: RestoreAs['tcp'],
  ): Promise<{ id: string; name: string }[]> {
    const { runtime, pods, timeout, compare } = this.#options;
    const { containers } = await unpackPodArchive(archive, folder, signal);
    await podPreflight(pods, record.pod, Object.keys(containers), signal);
    if (compare) {
      const paths = Object.entries(containers).map(([name, file]) => [name, join(folder, file)] as const);
      await containersPreflight(pods, record.pod, new Map(paths), compare, signal);
    }
    await pods.prepare(record);
    await this.#fillVolumes(record.pod, archive, signal);
    const configs = [];
    for (const container of allContainers(record.pod)) {
      if (!Object.hasOwn(containers, container.name)) continue;
      configs.push(await pods.containerConfig(record, container, { restarts: 0 }, signal));
    }
    try {
      const { restoredContainers } = await runtime.restorePod(
        {
          checkpointPath: folder,
          config: pods.sandboxConfig(record, 0),
          runtimeHandler: '',
          options: tcp === 'close' ? { [tcpClose]: 'true' } : {},
          containerConfigs: configs,
        },
        { signal, timeoutMs: timeout * 1000 },
      );
      return restoredContainers.map(({ containerId, name }) => ({ id: containerId, name }));
    } catch (error) {
      throw fromRpc('the container runtime could not restore the pod', error);
    }
  }
}

/** Whether a restored container continues, has continued until its own end, or waits for its start. */
function hasOrWill({ state, startedAt }: ActualContainer): boolean {
  // One whose start was cut off has ended and never ran.
  return state === 'created' || state === 'running' || (state === 'exited' && (startedAt ?? 0) > 0);
}
