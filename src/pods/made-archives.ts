import { randomInt } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CheckpointTarget } from '../api/kubelet-checkpoint.ts';
import type { CheckpointSummary } from '../api/stasis.ts';
import { CodedError } from '../errors/coded-error.ts';
import { privateDirectory, syncDirectory } from '../localfs/atomic-file.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import { containerMember } from './described-containers.ts';
import type { FreeSpace } from './free-space.ts';
import type { KeptCheckpoints } from './kept-checkpoints.ts';
import type { MakeResult } from './look-tasks.ts';
import type { LookInside, MakeRequest } from './node-control.ts';
import { publishArchive } from './publish-archive.ts';

export interface MadeArchivesOptions {
  /** Of the archives. */
  directory: string;
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
      signal.throwIfAborted();
      const path = await publishArchive(output, directory, target);
      return { checkpoint: await kept.find(basename(path)), notes };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** A new private folder on the disk of the archives; one that a crash leaves is removed at the next start. */
  async scratch(): Promise<string> {
    const { directory } = this.#options;
    await makeDirectories(directory, privateDirectory);
    const folder = join(directory, `.${randomInt(2 ** 47)}`);
    await mkdir(folder, privateDirectory);
    await syncDirectory(directory);
    return folder;
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
