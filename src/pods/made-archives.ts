import { randomInt } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CheckpointTarget } from '../api/kubelet-checkpoint.ts';
import type { CheckpointSummary } from '../api/stasis.ts';
import { defaultLimits } from '../archive/limits.ts';
import { CodedError } from '../errors/coded-error.ts';
import { privateDirectory, privateFile, syncDirectory } from '../localfs/atomic-file.ts';
import type { CheckpointsDirectory } from '../localfs/checkpoints-directory.ts';
import { addCheckpoints } from '../localfs/insert-checkpoints.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import { containerMember } from './described-containers.ts';
import type { FreeSpace } from './free-space.ts';
import type { KeptCheckpoints } from './kept-checkpoints.ts';
import type { MakeResult } from './look-tasks.ts';
import type { Inserted, LookInside, MakeRequest, Upload } from './node-control.ts';
import { publishArchive } from './publish-archive.ts';

export interface MadeArchivesOptions {
  directory: CheckpointsDirectory;
  kept: KeptCheckpoints;
  space: FreeSpace;
  look: LookInside;
}

/**
 * New archives that are made of those on the node. Each is written in a private folder with a hidden name beside
 * them and gets its own when it is complete; none takes the place of another, and nothing is left of one that is
 * given up.
 */
export class MadeArchives {
  readonly #options: MadeArchivesOptions;

  constructor(options: MadeArchivesOptions) {
    this.#options = options;
  }

  /** @throws CodedError as the conversion or the change does; `resource-exhausted` where the disk would be full */
  async make(
    of: CheckpointSummary,
    request: MakeRequest,
    signal: AbortSignal,
  ): Promise<{ checkpoint: CheckpointSummary } & MakeResult> {
    const { directory, kept, space, look } = this.#options;
    const target = await targetOf(of, request, signal);
    await space.check(of.size);
    const folder = await this.scratch();
    try {
      const output = join(folder, 'archive.tar');
      const { notes } = await space.during(signal, (again) =>
        look.make({ ...request, archive: of, output }, again),
      );
      const path = await publishArchive(output, directory.path, target);
      if (signal.aborted) {
        await rm(path, { force: true });
        signal.throwIfAborted();
      }
      return { checkpoint: await kept.find(basename(path)), notes };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /**
   * Adds the pods of an uploaded archive that `extract` made. It is written whole and unpacked beside the archives
   * before anything of it is added.
   * @throws CodedError `already-exists`; `resource-exhausted` where it, or what is in it, is too large
   */
  async insert({ size = 0, pieces }: Upload, signal: AbortSignal): Promise<Inserted> {
    const { directory, space, look } = this.#options;
    await space.check(2 * size);
    const folder = await this.scratch();
    try {
      const input = join(folder, 'upload');
      const list = await space.during(signal, async (again) => {
        await receive(pieces, input, again);
        return look.unpack({ kind: 'unpack', input, folder }, again);
      });
      const archives = await addCheckpoints(list, folder, directory, signal);
      const pods = list.pods.map(({ namespace, name, sandboxId }) => ({ namespace, name, sandboxId }));
      return { pods, archives };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** A new private folder on the disk of the archives; one that a crash leaves is removed at the next start. */
  async scratch(): Promise<string> {
    const { directory } = this.#options;
    await makeDirectories(directory.path, privateDirectory);
    const folder = join(directory.path, `.${randomInt(2 ** 47)}`);
    await mkdir(folder, privateDirectory);
    await syncDirectory(directory.path);
    return folder;
  }
}

/** Writes an upload to a private file. @throws CodedError `resource-exhausted` where it is larger than any archive */
async function receive(pieces: AsyncIterable<Uint8Array>, path: string, signal: AbortSignal): Promise<void> {
  const most = defaultLimits.totalBytes;
  const handle = await open(path, 'wx', privateFile);
  try {
    let size = 0;
    for await (const piece of pieces) {
      signal.throwIfAborted();
      size += piece.length;
      if (size > most) throw new CodedError('resource-exhausted', `the upload has more than ${most} bytes`);
      await handle.writeFile(piece);
    }
  } finally {
    await handle.close();
  }
}

/** Whose archive the new one is: of a pod's archive the container that is named, or its only one. */
async function targetOf(
  { path, kind, namespace, pod, container = '' }: CheckpointSummary,
  { kind: what, request }: MakeRequest,
  signal: AbortSignal,
): Promise<CheckpointTarget> {
  if (kind === 'container') return { namespace, pod, container };
  if (what === 'edit') {
    throw new CodedError('unsupported', 'the archive of a pod is not edited', {
      hint: 'convert one of its containers to stasis, and edit that archive',
    });
  }
  const { name } = await containerMember(path, request.container, signal);
  return { namespace, pod, container: name };
}
