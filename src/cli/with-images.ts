import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { memberFolders } from '../checkpoint/layout.ts';
import { ImageSet } from '../criu/image-set.ts';
import { imagesOf } from '../inspect/images.ts';
import type { Console } from './console.ts';
import { openCheckpoint } from './open.ts';
import { oneContainer } from './pod-archives.ts';

/**
 * Gives `work` the images of a checkpoint, pages included, and closes it afterwards. A compressed archive is
 * passed once and its images kept in memory as far as there is room.
 * A folder that holds images and nothing else is taken for a checkpoint, too.
 */
export async function withImages<T>(
  path: string,
  console: Console,
  work: (images: ImageSet) => Promise<T>,
): Promise<T> {
  const one = await oneContainer(path, console);
  const checkpoint = await openCheckpoint(one, { limits: console.limits, signal: console.signal });
  try {
    await keepImages(checkpoint, console.signal);
    const flat = (await checkpoint.find('inventory.img')) ?? (await checkpoint.find('pstree.img'));
    if (!flat) return await work(await imagesOf(checkpoint));
    return await work(
      new ImageSet(
        {
          names: async () => (await checkpoint.members()).files.map(({ name }) => name),
          open: async (name) => ((await checkpoint.find(name)) ? checkpoint.open(name) : undefined),
        },
        { maxEntries: checkpoint.limits.imageEntries },
      ),
    );
  } finally {
    await checkpoint.close();
  }
}

/** Has a compressed archive passed once and its images kept in memory, pages included, as far as there is room. */
export async function keepImages(checkpoint: Checkpoint, signal?: AbortSignal): Promise<void> {
  if (!checkpoint.sequential) return;
  const folders = [memberFolders.images, memberFolders.earlierImages];
  const keep = ({ name }: { name: string }) =>
    folders.some((folder) => name.startsWith(folder)) ? ('all' as const) : undefined;
  await checkpoint.prepare({ keep }, signal);
}
