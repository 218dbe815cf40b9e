import { isCoded, messageOf } from '../errors/coded-error.ts';
import { type CheckpointedPod, entryMembers } from '../kubeletstate/checkpointed-pods.ts';
import type { CheckpointsDirectory, ListedPod } from '../localfs/checkpoints-directory.ts';
import { RejectedError } from './admissions.ts';
import { podOf } from './archived-pod.ts';
import type { Log, NodePods } from './node-pods.ts';
import { podName } from './pod.ts';
import { readPodArchive } from './pod-archive.ts';
import type { PodRestorer } from './pod-restorer.ts';
import type { PodRecord } from './pod-store.ts';
import { keepTrying, mayPass, triedAgain } from './restore-retries.ts';

export interface ListedRestoresOptions {
  pods: NodePods;
  directory: CheckpointsDirectory;
  /** Identity of this root directory. */
  nodeId: string;
  restorer: PodRestorer;
  log: Log;
}

/** A pod that is to continue from its checkpoint. */
interface Pending {
  record: PodRecord;
  archive: string;
}

/**
 * Restores what `checkpointed.pods` lists, each checkpoint once: the intent is written first and the end last, so
 * that a start after a crash at any point between finds out how far it came and neither repeats nor forgets it.
 */
export class ListedRestores {
  readonly #options: ListedRestoresOptions;

  constructor(options: ListedRestoresOptions) {
    this.#options = options;
  }

  /**
   * Accepts every pod that is to be restored, so that nothing else starts it, and returns how to do it.
   * Called at the start and when a drained node takes pods again.
   */
  async plan(signal: AbortSignal): Promise<() => Promise<void>> {
    const { directory, log } = this.#options;
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
    const { pods, directory, restorer, log } = this.#options;
    const { uid } = record.pod.metadata;
    const sandboxId = record.restoredFrom ?? '';
    return pods.exclusively(uid, async () => {
      // Somebody has removed the pod since, or restored it.
      if (failures > 0 && !pods.byUid(uid)?.restoring) return true;
      try {
        await pods.admit(record, signal);
        await directory.markRestoring(sandboxId, new Date());
        await restorer.restore(record, archive, signal);
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
}

/** Whether the pod was ended after its checkpoint, by a drain of this node. */
function drainedOn({ extra }: CheckpointedPod, nodeId: string): boolean {
  return extra.get(entryMembers.node) === nodeId && (extra.get(entryMembers.drained) ?? '') !== '';
}
