import { randomInt } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { tcpClose } from '../api/cri-options.ts';
import { CodedError, isCoded, messageOf } from '../errors/coded-error.ts';
import { type CheckpointedPod, entryMembers, isSandboxId } from '../kubeletstate/checkpointed-pods.ts';
import { privateDirectory } from '../localfs/atomic-file.ts';
import type { CheckpointsDirectory, ListedPod } from '../localfs/checkpoints-directory.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import { RejectedError } from './admissions.ts';
import { podAs, podOf } from './archived-pod.ts';
import { openContainer } from './described-containers.ts';
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
import { containersLack, containersPreflight, podLacks, podPreflight, type RestoreAs } from './restore-as.ts';
import { type RestoreForecast, restoreForecast } from './restore-dry-run.ts';
import type { CompareWithNode } from './restore-preflight.ts';
import { keepTrying, mayPass, triedAgain } from './restore-retries.ts';
import { fromRpc } from './rpc-error.ts';

export interface PodRestoreOptions {
  runtime: Runtime;
  pods: NodePods;
  directories: PodDirectories;
  directory: CheckpointsDirectory;
  /** Private folder for what is unpacked during a restore. */
  scratch: string;
  /** Identity of this root directory. */
  nodeId: string;
  unpackVolume: UnpackVolume;
  /** Seconds that the restore of one pod may take. */
  timeout: number;
  /** Looks for what the containers' archives need of the node; left out for the built-in runtime, which says it itself. */
  compare?: CompareWithNode;
  /** The same, for whoever only asks what a restore would meet. */
  forecastCompare: CompareWithNode;
  log: Log;
}

/** A pod that is to continue from its checkpoint. */
interface Pending {
  record: PodRecord;
  archive: string;
}

/**
 * Brings pods back from their archives. Each checkpoint of `checkpointed.pods` is restored once: the intent is
 * written first, the sandbox carries the checkpoint's id, and the end is written last, so that a start after a
 * crash at any point between finds out how far it came and neither repeats nor forgets it.
 */
export class PodRestores {
  readonly #options: PodRestoreOptions;

  constructor(options: PodRestoreOptions) {
    this.#options = options;
  }

  /**
   * Accepts every pod that is to be restored, so that nothing else starts it, and returns how to do it.
   * Called at the start and when a drained node takes pods again.
   */
  async plan(signal: AbortSignal): Promise<() => Promise<void>> {
    const { scratch, directory, log } = this.#options;
    await makeDirectories(scratch, privateDirectory);
    for (const left of await readdir(scratch))
      await rm(join(scratch, left), { recursive: true, force: true });
    const listed = await directory.list().catch((error: unknown) => {
      log('error', `no pod is restored: ${messageOf(error)}`);
      return [] as ListedPod[];
    });
    await this.#forgetUnfinished(listed, signal);
    const pending: Pending[] = [];
    for (const item of this.#wanted(listed)) {
      const accepted = await this.#accept(item, signal);
      if (accepted) pending.push(accepted);
    }
    await this.#releaseDrained(listed);
    return async () => {
      for (const item of pending) {
        if (await this.#restoreListed(item, 0, signal)) continue;
        const again = (failures: number) => this.#restoreListed(item, failures, signal);
        void keepTrying(again, 1, signal);
      }
    };
  }

  /**
   * Restores a pod archive as a pod of this node, under another name if one is given.
   * @throws CodedError `already-exists` where the node has a pod of that name
   */
  async restorePod(archive: string, as: RestoreAs, signal: AbortSignal): Promise<PodRecord> {
    const { pods, log } = this.#options;
    const pod = podAs(await readPodArchive(archive, signal), as);
    const { metadata } = pod;
    if (pods.find(metadata.namespace, metadata.name)) {
      throw new CodedError(
        'already-exists',
        `this node has a pod ${metadata.namespace}/${metadata.name} already`,
        {
          hint: 'give it another name, or remove the pod first',
        },
      );
    }
    const id = basename(archive, '.tar');
    const record: PodRecord = {
      pod,
      seen: new Date().toISOString(),
      restoredFrom: isSandboxId(id) ? id : 'archive',
      restoring: true,
    };
    await pods.accept(record);
    return pods.exclusively(metadata.uid, async (stopping) => {
      try {
        return await this.#restore(record, archive, AbortSignal.any([signal, stopping]), as.tcp);
      } catch (error) {
        log('error', `restoring ${archive}: ${messageOf(error)}`);
        if (!stopping.aborted) setImmediate(() => void pods.remove(record, 0).catch(() => undefined));
        throw error;
      }
    });
  }

  /** What {@link restorePod} would meet. Nothing is made, and nothing unpacked. */
  async forecast(archive: string, as: RestoreAs, signal: AbortSignal): Promise<RestoreForecast> {
    const { pods, forecastCompare: compare } = this.#options;
    const description = await readPodArchive(archive, signal);
    const pod = podAs(description, as);
    const names = Object.keys(description.containers);
    const open = async (name: string) =>
      names.includes(name) ? openContainer({ path: archive, kind: 'pod' }, name, signal) : undefined;
    return restoreForecast(pods, pod, async (ensureImage) => {
      const { places, images } = await podLacks(pod, names, ensureImage, signal);
      const inside = await containersLack(pod, open, { compare, ensureImage, signal });
      return [...places, ...images, ...inside];
    });
  }

  /**
   * Ends the pods that a drain was about to end when its process was killed. They are still paused: nothing happens
   * in them that their checkpoints do not know. Called before whoever is paused is let run.
   */
  async endDrained(signal: AbortSignal): Promise<void> {
    const { pods, directory, nodeId, log } = this.#options;
    // What is wrong with the list is told when it is planned what to restore.
    const listed = await directory.list().catch(() => [] as ListedPod[]);
    const kept = new Set(
      listed
        .filter(({ found, pod }) => found && !pod.restored && drainedOn(pod, nodeId))
        .map(({ pod }) => pod.uid),
    );
    for (const record of pods.records()) {
      const { uid } = record.pod.metadata;
      if (!record.drained || !kept.has(uid)) continue;
      try {
        await pods.exclusively(uid, () => pods.stop(record, 0, signal));
      } catch (error) {
        log('error', `pod ${podName(record.pod)}: ${messageOf(error)}`);
      }
    }
  }

  /** Restores that a client had asked for and that a crash cut off: the client was told so, nothing remains. */
  async #forgetUnfinished(listed: readonly ListedPod[], signal: AbortSignal): Promise<void> {
    const known = new Set(listed.map(({ pod }) => pod.sandboxId));
    for (const record of this.#options.pods.records()) {
      if (!record.restoring || known.has(record.restoredFrom ?? '')) continue;
      this.#options.log(
        'warn',
        `pod ${podName(record.pod)}: its restore was cut off, what it left is removed`,
      );
      signal.throwIfAborted();
      await this.#options.pods.remove(record, 0);
    }
  }

  /** Pods that a drain ended and that have no checkpoint to continue from start afresh. */
  async #releaseDrained(listed: readonly ListedPod[]): Promise<void> {
    const { pods, log } = this.#options;
    const kept = new Set(
      listed
        .filter(({ found, pod }) => found && !pod.restored)
        .map(({ pod }) => `${pod.namespace}/${pod.name}`),
    );
    for (const record of pods.records()) {
      if (!record.drained || record.restoring) continue;
      if (kept.has(podName(record.pod))) {
        pods.note(record.pod.metadata.uid, 'it was drained, and its checkpoint cannot be restored');
        continue;
      }
      log('warn', `pod ${podName(record.pod)} starts afresh: it was drained and has no checkpoint`);
      const { drained: _drained, restoredFrom: _restoredFrom, ...fresh } = record;
      await pods.accept(fresh);
    }
  }

  /** The entries to restore: not restored yet, from elsewhere or drained here, with an archive; newest of a pod. */
  #wanted(listed: readonly ListedPod[]): (ListedPod & { archive: string })[] {
    const byName = new Map<string, ListedPod & { archive: string }>();
    for (const { pod, archive, found } of listed) {
      if (pod.restored) continue;
      const here = pod.extra.get(entryMembers.node) === this.#options.nodeId;
      if (here && !drainedOn(pod, this.#options.nodeId)) continue;
      if (!archive || !found) {
        this.#options.log(
          'warn',
          `pod ${pod.namespace}/${pod.name} is not restored: its archive is missing`,
          {
            sandbox: pod.sandboxId,
          },
        );
        continue;
      }
      byName.set(`${pod.namespace}/${pod.name}`, { pod, archive, found });
    }
    return [...byName.values()];
  }

  async #accept(item: ListedPod & { archive: string }, signal: AbortSignal): Promise<Pending | undefined> {
    const { pods, directory, log } = this.#options;
    const { pod: entry, archive } = item;
    const name = `${entry.namespace}/${entry.name}`;
    const known = pods.find(entry.namespace, entry.name);
    if (known?.restoredFrom === entry.sandboxId && !known.restoring && !known.drained) {
      // It is restored; only the note of it was cut off.
      await directory.markRestored(entry.sandboxId, new Date());
      return undefined;
    }
    if (known && !known.drained && !known.restoring) {
      if (known.pod.metadata.uid === entry.uid && drainedOn(entry, this.#options.nodeId)) {
        log('warn', `pod ${name} runs on: its drain was cut off`, { sandbox: entry.sandboxId });
        await directory.clearDrained(entry.sandboxId);
        return undefined;
      }
      log('warn', `pod ${name} is not restored: this node has a pod of that name`, {
        sandbox: entry.sandboxId,
      });
      return undefined;
    }
    try {
      const pod = podOf(await readPodArchive(archive, signal), entry);
      const record: PodRecord = {
        ...(known?.manifest ? { manifest: known.manifest } : {}),
        pod,
        seen: new Date().toISOString(),
        restoredFrom: entry.sandboxId,
        restoring: true,
      };
      if (known && known.pod.metadata.uid !== pod.metadata.uid) await pods.remove(known, 0);
      await pods.accept(record);
      return { record, archive };
    } catch (error) {
      log('error', `pod ${name} is not restored: ${messageOf(error)}`, { sandbox: entry.sandboxId });
      return undefined;
    }
  }

  /** @returns false where it failed for a reason that may pass: devices, an image, a runtime that are not there yet */
  async #restoreListed(
    { record, archive }: Pending,
    failures: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { pods, directory, log } = this.#options;
    const { uid } = record.pod.metadata;
    const sandboxId = record.restoredFrom ?? '';
    return pods.exclusively(uid, async () => {
      // Somebody has removed the pod since, or restored it.
      if (failures > 0 && !pods.byUid(uid)?.restoring) return true;
      try {
        await pods.admit(record, signal);
        await directory.markRestoring(sandboxId, new Date());
        await this.#restore(record, archive, signal);
        await directory.markRestored(sandboxId, new Date());
        pods.clearNote(uid);
        log('info', `pod ${podName(record.pod)} continues from its checkpoint`, { checkpoint: sandboxId });
        return true;
      } catch (error) {
        if (signal.aborted) return true;
        if (error instanceof RejectedError) {
          pods.note(uid, error.message);
          return false;
        }
        const again = mayPass(error);
        const then = again ? `; ${triedAgain(failures + 1, Date.now())}` : '';
        const message = `restoring from ${archive}: ${messageOf(error)}${then}`;
        pods.note(uid, message);
        log('error', `pod ${podName(record.pod)}: ${message}`, isCoded(error) ? { code: error.code } : {});
        await directory.clearRestoring(sandboxId).catch(() => undefined);
        return !again;
      }
    });
  }

  /** Makes the pod of `record` from `archive`, or finishes what an earlier process began. */
  async #restore(
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

/** Whether the pod was ended after its checkpoint, by a drain of this node. */
function drainedOn({ extra }: CheckpointedPod, nodeId: string): boolean {
  return extra.get(entryMembers.node) === nodeId && (extra.get(entryMembers.drained) ?? '') !== '';
}
