import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { memberFolders } from '../checkpoint/layout.ts';
import { type ImageFiles, ImageSet, type ImageSetLimits } from '../criu/image-set.ts';

export interface ImagesOptions extends Partial<ImageSetLimits> {
  /** The checkpoint before this one, for an incremental dump whose pages are partly there. */
  parent?: Checkpoint | undefined;
}

/** CRIU's images in a checkpoint: those of the dump, or those of the pre-dump where it holds only one. */
export async function imagesOf(checkpoint: Checkpoint, options: ImagesOptions = {}): Promise<ImageSet> {
  const limits = { maxEntries: checkpoint.limits.imageEntries, ...options };
  return new ImageSet(await filesOf(checkpoint, options.parent), limits);
}

async function filesOf(checkpoint: Checkpoint, parent: Checkpoint | undefined): Promise<ImageFiles> {
  const main = await checkpoint.find(`${memberFolders.images}inventory.img`);
  if (main) return folderOf(checkpoint, memberFolders.images, parent);
  const early = await checkpoint.find(`${memberFolders.earlierImages}inventory.img`);
  return folderOf(checkpoint, early ? memberFolders.earlierImages : memberFolders.images, parent);
}

function folderOf(checkpoint: Checkpoint, folder: string, parent: Checkpoint | undefined): ImageFiles {
  return {
    async names() {
      const { files } = await checkpoint.members();
      const inside = files.filter(({ name }) => name.startsWith(folder));
      return inside.map(({ name }) => name.slice(folder.length));
    },
    async open(name) {
      const path = folder + name;
      return (await checkpoint.find(path)) && checkpoint.open(path);
    },
    async parent() {
      if (parent && parent !== checkpoint) return filesOf(parent, undefined);
      const target = await parentFolder(checkpoint, folder);
      return target && target !== folder ? folderOf(checkpoint, target, undefined) : undefined;
    },
  };
}

/** Where the link `parent` of a folder of images leads, when that is a folder of the same checkpoint. */
async function parentFolder(checkpoint: Checkpoint, folder: string): Promise<string | undefined> {
  const { raw } = await checkpoint.members();
  const link = raw.find((one) => one.name.replace(/^\.\//, '') === `${folder}parent`);
  if (link?.type !== 'symlink' || link.linkName.startsWith('/')) return undefined;
  const path: string[] = [];
  for (const part of `${folder}${link.linkName}`.split('/')) {
    if (part === '..') {
      if (path.pop() === undefined) return undefined;
    } else if (part !== '' && part !== '.') path.push(part);
  }
  return `${path.join('/')}/`;
}
