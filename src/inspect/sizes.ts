import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { gpuPagesPrefix, memberNames, pagesPrefix } from '../checkpoint/layout.ts';

/** How the bytes of a checkpoint are spread, before compression. */
export interface CheckpointSizes {
  /** CRIU's images: every member whose name starts with `checkpoint`. */
  readonly images: number;
  /** Memory pages, part of `images`. */
  readonly pages: number;
  /** Memory of AMD GPUs, part of `images`. */
  readonly gpuPages: number;
  readonly rootfsDiff: number;
  /** All members. */
  readonly total: number;
}

export async function checkpointSizes(
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<CheckpointSizes> {
  const { files } = await checkpoint.members(signal);
  const sum = (prefix: string): number =>
    files.reduce((all, { name, size }) => (name.startsWith(prefix) ? all + size : all), 0);
  return {
    images: sum('checkpoint'),
    pages: sum(pagesPrefix),
    gpuPages: sum(gpuPagesPrefix),
    rootfsDiff: files.find(({ name }) => name === memberNames.rootfsDiff)?.size ?? 0,
    total: sum(''),
  };
}
