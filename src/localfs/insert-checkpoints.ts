import { link, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { CodedError } from '../errors/coded-error.ts';
import {
  type CheckpointedPod,
  type CheckpointedPods,
  checkpointedPodsFile,
  entryMembers,
  podArchiveName,
} from '../kubeletstate/checkpointed-pods.ts';
import { AtomicFile, privateDirectory } from './atomic-file.ts';
import { type CheckpointsDirectory, decodeList, mergePods } from './checkpoints-directory.ts';
import { makeDirectories } from './make-directories.ts';
import { systemErrorCode } from './system-error.ts';

export interface InsertOptions {
  signal?: AbortSignal | undefined;
  /** Told how many bytes of how many have been written. */
  onProgress?: (done: number, total: number) => void;
}

/** The list in an archive that `extract` made, or undefined where the archive holds none. */
export async function readExtractedList(archive: Checkpoint): Promise<CheckpointedPods | undefined> {
  const member = await archive.find(checkpointedPodsFile);
  if (!member) return undefined;
  return decodeList(await archive.read(checkpointedPodsFile), `${archive.origin}/${checkpointedPodsFile}`);
}

/** The archives that the list names and the extracted archive does not hold. */
export async function missingArchives(
  archive: Checkpoint,
  pods: readonly CheckpointedPod[],
): Promise<string[]> {
  const members = await archive.members();
  return pods.map(({ sandboxId }) => podArchiveName(sandboxId)).filter((name) => !members.get(name));
}

/**
 * Adds the pods of an extracted archive to a kubelet checkpoints directory. Of the archive's members only those
 * are taken that its list names, as private files that appear when they are complete; then the list is
 * changed. A sandbox that is listed already is replaced, archive and entry. Whether it was restored elsewhere
 * does not matter: what is inserted is to be restored here, once.
 * @throws CodedError `not-found` when an archive is missing, `invalid-argument` for a SandboxID that names no
 *   file, `corrupt`, `resource-exhausted`; the directory is then as it was.
 */
export async function insertCheckpoints(
  archive: Checkpoint,
  list: CheckpointedPods,
  directory: CheckpointsDirectory,
  options: InsertOptions = {},
): Promise<void> {
  await requireArchives(archive, list.pods);
  await makeDirectories(directory.path, privateDirectory);
  const staged = new Map<string, AtomicFile>();
  try {
    await stage(archive, list.pods, directory.path, staged, options);
    await directory.update(
      async (before, existed) => {
        for (const file of staged.values()) await file.commit();
        const pods = list.pods.map(toBeRestored);
        return existed
          ? { ...before, pods: mergePods(before.pods, pods) }
          : { ...list, pods: mergePods([], pods) };
      },
      options.signal ? { signal: options.signal } : {},
    );
  } finally {
    // A committed file is no longer under its temporary name; discarding it does nothing.
    for (const file of staged.values()) await file.discard();
  }
}

async function requireArchives(archive: Checkpoint, pods: readonly CheckpointedPod[]): Promise<void> {
  const [missing] = await missingArchives(archive, pods);
  if (missing) throw new CodedError('not-found', `${archive.origin} lists ${missing} and does not hold it`);
}

/**
 * Writes those archives that the list names into `folder`, as private files, for {@link addCheckpoints}.
 * @throws CodedError as {@link insertCheckpoints} does; what is there of them by then is the caller's to remove
 */
export async function unpackExtracted(
  archive: Checkpoint,
  list: CheckpointedPods,
  folder: string,
  options: InsertOptions = {},
): Promise<void> {
  await requireArchives(archive, list.pods);
  const staged = new Map<string, AtomicFile>();
  try {
    await stage(archive, list.pods, folder, staged, options);
    for (const file of staged.values()) await file.commit();
  } finally {
    for (const file of staged.values()) await file.discard();
  }
}

/**
 * Adds pods whose archives {@link unpackExtracted} wrote into `folder`, which is on the directory's disk. Nothing
 * that is there is replaced, and either all of them are added or none.
 * @returns paths of the archives
 * @throws CodedError `already-exists` for a sandbox that is listed, or has an archive, already
 */
export async function addCheckpoints(
  list: CheckpointedPods,
  folder: string,
  directory: CheckpointsDirectory,
  signal?: AbortSignal,
): Promise<string[]> {
  const names = new Set(list.pods.map(({ sandboxId }) => podArchiveName(sandboxId)));
  const linked: string[] = [];
  try {
    await directory.update(
      async (before, existed) => {
        for (const { sandboxId } of list.pods) {
          if (before.pods.some((pod) => pod.sandboxId === sandboxId)) throw taken(sandboxId);
        }
        for (const name of names) {
          const path = join(directory.path, name);
          await link(join(folder, name), path).catch((error: unknown) => {
            throw systemErrorCode(error) === 'EEXIST' ? taken(name) : error;
          });
          linked.push(path);
        }
        const pods = mergePods(before.pods, list.pods.map(toBeRestored));
        return existed ? { ...before, pods } : { ...list, pods };
      },
      signal ? { signal } : {},
    );
  } catch (error) {
    for (const path of linked) await rm(path, { force: true });
    throw error;
  }
  return linked;
}

function taken(what: string): CodedError {
  return new CodedError('already-exists', `this node has a checkpoint ${what} already`, {
    hint: 'nothing was inserted; delete that checkpoint first',
  });
}

/** The entry without what only meant something where the checkpoint was made. */
function toBeRestored(pod: CheckpointedPod): CheckpointedPod {
  const ours: readonly string[] = Object.values(entryMembers);
  const extra = new Map([...pod.extra].filter(([key]) => !ours.includes(key)));
  return { ...pod, restoring: '', restored: '', extra };
}

async function stage(
  archive: Checkpoint,
  pods: readonly CheckpointedPod[],
  folder: string,
  staged: Map<string, AtomicFile>,
  { signal, onProgress }: InsertOptions,
): Promise<void> {
  const members = await archive.members(signal);
  const wanted = new Set(pods.map(({ sandboxId }) => podArchiveName(sandboxId)));
  const total = [...wanted].reduce((sum, name) => sum + (members.get(name)?.size ?? 0), 0);
  let done = 0;
  for await (const { member, content } of archive.stream(signal)) {
    if (!wanted.has(member.name)) continue;
    // Of several members with one name the last counts.
    await staged.get(member.name)?.discard();
    const file = await AtomicFile.create(join(folder, member.name));
    staged.set(member.name, file);
    for await (const piece of content()) {
      await file.write(piece);
      done += piece.length;
      onProgress?.(done, total);
    }
  }
}
