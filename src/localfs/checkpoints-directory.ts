import { constants } from 'node:fs';
import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import {
  type CheckpointedPod,
  type CheckpointedPods,
  checkpointedPodsFile,
  decodeCheckpointedPods,
  encodeCheckpointedPods,
  entryMembers,
  isSandboxId,
  podArchiveName,
} from '../kubeletstate/checkpointed-pods.ts';
import { privateDirectory, syncDirectory, writeFileAtomic } from './atomic-file.ts';
import { type LockOptions, withDirectoryLock } from './directory-lock.ts';
import { openFileSource } from './file-source.ts';
import { makeDirectories } from './make-directories.ts';
import { systemErrorCode, systemErrorText } from './system-error.ts';

/** Where the kubelet keeps its checkpoints. */
export const defaultCheckpointsDirectory = '/var/lib/kubelet/checkpoints';

/** Longest `checkpointed.pods` that is read, in bytes: some ten thousand pods. */
const longestList = 16 << 20;

/** One entry of the list together with its archive. */
export interface ListedPod {
  pod: CheckpointedPod;
  /** Path of the pod's archive; undefined where the SandboxID is none that may name a file. */
  archive: string | undefined;
  /** Whether the archive is there. */
  found: boolean;
}

/**
 * A kubelet checkpoints directory: `checkpointed.pods` and one archive per pod in it. Readers need no lock,
 * because the list is replaced in one step; every change is made under the directory's lock, is durable when
 * it returns, and keeps what it does not know.
 */
export class CheckpointsDirectory {
  readonly path: string;
  readonly listPath: string;

  constructor(path: string = defaultCheckpointsDirectory) {
    this.path = path;
    this.listPath = join(path, checkpointedPodsFile);
  }

  /**
   * The list, or undefined where there is none.
   * @throws CodedError `corrupt` when it is not one, in the words of the program that the format comes from.
   */
  async read(): Promise<CheckpointedPods | undefined> {
    let bytes: Uint8Array;
    try {
      const source = await openFileSource(this.listPath);
      try {
        if (source.size > longestList) throw tooLong(this.listPath, source.size);
        bytes = await source.read(0, source.size);
      } finally {
        await source.close();
      }
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      const text = systemErrorText(error, 'open', this.listPath);
      throw new CodedError('failed-precondition', `Error opening "${this.listPath}": ${text}`, {
        cause: error,
      });
    }
    return decodeList(bytes, this.listPath);
  }

  /** Every entry of the list, in its order; none where there is no list. */
  async list(): Promise<ListedPod[]> {
    const pods = (await this.read())?.pods ?? [];
    return Promise.all(
      pods.map(async (pod): Promise<ListedPod> => {
        const archive = isSandboxId(pod.sandboxId) ? this.archivePath(pod.sandboxId) : undefined;
        return { pod, archive, found: archive !== undefined && (await exists(archive)) };
      }),
    );
  }

  /** Path of the archive of a sandbox. @throws CodedError `invalid-argument` for an id that names no file. */
  archivePath(sandboxId: string): string {
    return join(this.path, podArchiveName(sandboxId));
  }

  /**
   * Replaces the list by what `change` makes of it, under the directory's lock; the directory is made (0700)
   * where it is missing. `change` may be asynchronous: nobody else changes the list meanwhile. It is told
   * whether there was a list; an empty one stands for it where there was none.
   */
  async update(
    change: (list: CheckpointedPods, existed: boolean) => CheckpointedPods | Promise<CheckpointedPods>,
    options: LockOptions = {},
  ): Promise<CheckpointedPods> {
    await makeDirectories(this.path, privateDirectory);
    return withDirectoryLock(
      this.path,
      async () => {
        const found = await this.read();
        const before = found ?? { version: 0, pods: [], extra: new Map() };
        const after = await change(before, found !== undefined);
        if (after !== before) await writeFileAtomic(this.listPath, encodeCheckpointedPods(after));
        return after;
      },
      options,
    );
  }

  /** Lists `pod`, whose archive is in place already. An entry of the same sandbox is replaced where it stands. */
  async addPod(pod: CheckpointedPod, options?: LockOptions): Promise<void> {
    podArchiveName(pod.sandboxId);
    await this.update((list) => ({ ...list, pods: mergePods(list.pods, [pod]) }), options);
  }

  /**
   * Notes that this sandbox is about to be restored. Returns the entry as it was before: its `restored` and
   * `restoring` tell whether somebody did or began that already. One that is restored stays as it is.
   * @throws CodedError `not-found` when it is not listed.
   */
  async markRestoring(sandboxId: string, at: Date, options?: LockOptions): Promise<CheckpointedPod> {
    return this.#mark(sandboxId, (pod) => (pod.restored ? pod : { ...pod, restoring: rfc3339(at) }), options);
  }

  /** Notes that this sandbox is restored; it will not be again. Returns the entry as it was before. */
  async markRestored(sandboxId: string, at: Date, options?: LockOptions): Promise<CheckpointedPod> {
    return this.#mark(sandboxId, (pod) => ({ ...pod, restoring: '', restored: rfc3339(at) }), options);
  }

  /** Takes the note of {@link markRestoring} back, after a restore that failed and left nothing. */
  async clearRestoring(sandboxId: string, options?: LockOptions): Promise<CheckpointedPod> {
    return this.#mark(sandboxId, (pod) => (pod.restoring ? { ...pod, restoring: '' } : pod), options);
  }

  /** Takes back that this sandbox was ended after its checkpoint. Returns the entry as it was before. */
  async clearDrained(sandboxId: string, options?: LockOptions): Promise<CheckpointedPod> {
    const without = (pod: CheckpointedPod): CheckpointedPod => {
      const extra = new Map(pod.extra);
      return extra.delete(entryMembers.drained) ? { ...pod, extra } : pod;
    };
    return this.#mark(sandboxId, without, options);
  }

  /** Takes entries off the list and then removes their archives. Sandboxes that are not listed are skipped. */
  async remove(sandboxIds: readonly string[], options?: LockOptions): Promise<void> {
    await this.update(async (list) => {
      const pods = list.pods.filter((pod) => !sandboxIds.includes(pod.sandboxId));
      return pods.length === list.pods.length ? list : { ...list, pods };
    }, options);
    for (const id of sandboxIds) {
      if (isSandboxId(id)) await rm(this.archivePath(id), { force: true });
    }
    await syncDirectory(this.path);
  }

  async #mark(
    sandboxId: string,
    change: (pod: CheckpointedPod) => CheckpointedPod,
    options?: LockOptions,
  ): Promise<CheckpointedPod> {
    let before: CheckpointedPod | undefined;
    await this.update((list) => {
      before = list.pods.find((pod) => pod.sandboxId === sandboxId);
      if (!before) {
        throw new CodedError('not-found', `sandbox ${sandboxId} is not listed in ${this.listPath}`);
      }
      const changed = change(before);
      if (changed === before) return list;
      return { ...list, pods: list.pods.map((pod) => (pod.sandboxId === sandboxId ? changed : pod)) };
    }, options);
    return before as CheckpointedPod;
  }
}

/** `pods` with `more` in it: an entry of a sandbox that is there already takes its place, others follow. */
export function mergePods(
  pods: readonly CheckpointedPod[],
  more: readonly CheckpointedPod[],
): CheckpointedPod[] {
  const incoming = new Map(more.map((pod) => [pod.sandboxId, pod]));
  const merged: CheckpointedPod[] = [];
  const seen = new Set<string>();
  for (const pod of [...pods, ...incoming.values()]) {
    if (incoming.has(pod.sandboxId) && seen.has(pod.sandboxId)) continue;
    seen.add(pod.sandboxId);
    merged.push(incoming.get(pod.sandboxId) ?? pod);
  }
  return merged;
}

/** The list in `bytes`, read from `path`. @throws CodedError `corrupt` */
export function decodeList(bytes: Uint8Array, path: string): CheckpointedPods {
  try {
    return decodeCheckpointedPods(bytes);
  } catch (error) {
    const text = `Error unmarshalling JSON from "${path}": ${messageOf(error)}`;
    throw new CodedError('corrupt', text, { cause: error, data: { path } });
  }
}

function tooLong(path: string, size: number): CodedError {
  return new CodedError('resource-exhausted', `${path} has ${size} bytes, more than ${longestList}`);
}

async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}

function rfc3339(time: Date): string {
  return time.toISOString();
}
