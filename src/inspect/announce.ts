import type { Checkpoint, Keep, Member } from '../checkpoint/checkpoint.ts';
import { memberFolders, memberNames, pagesPrefix } from '../checkpoint/layout.ts';
import { decodeImage } from '../criu/image.ts';
import { addressUnit, decodePagemap, type Pagemap, pageFlags, pageSizeOf } from '../criu/pagemap.ts';
import { MmEntry } from '../gen/criu/memory.ts';

/** What is going to be asked of a checkpoint. */
export interface Announcement {
  /** Members by their whole names. */
  names: readonly string[];
  /** Images by how their names start, without the folder: `core-`. */
  images?: readonly string[];
  /** Arguments and environment of every process. */
  texts?: boolean;
}

/**
 * Tells a checkpoint that has to be read in order what is going to be asked of it, so that one pass serves all
 * of it. Of the memory pages only the arguments and environments are kept. Does nothing where members can be
 * reached at random.
 */
export async function announce(
  checkpoint: Checkpoint,
  { names, images = [], texts = false }: Announcement,
  signal?: AbortSignal,
): Promise<void> {
  if (!checkpoint.sequential) return;
  const prefixes = texts ? [...images, 'mm-', 'pagemap-'] : images;
  const folders = [memberFolders.images, memberFolders.earlierImages];
  const maps = new Map<string, Pagemap>();
  const keep = (member: Member, kept: (name: string) => Uint8Array | undefined): Keep => {
    if (names.includes(member.name)) return 'all';
    const folder = folders.find((name) => member.name.startsWith(name));
    if (folder === undefined) return undefined;
    const image = member.name.slice(folder.length);
    if (prefixes.some((prefix) => image.startsWith(prefix))) {
      if (/^pagemap-\d+\.img$/.test(image)) maps.set(member.name, noPagemap);
      return 'all';
    }
    if (!texts || !member.name.startsWith(pagesPrefix)) return undefined;
    return textRanges(member, folder, maps, kept);
  };
  await checkpoint.prepare({ keep }, signal);
}

/** Stands for a pagemap that has not been decoded yet. */
const noPagemap = undefined as unknown as Pagemap;

/** Where the arguments and environments lie in a pages file. What cannot be read here will be reported later. */
function textRanges(
  member: Member,
  folder: string,
  maps: Map<string, Pagemap>,
  kept: (name: string) => Uint8Array | undefined,
): Keep {
  const ranges: { offset: number; length: number }[] = [];
  for (const [name, known] of maps) {
    try {
      const bytes = kept(name);
      const pagemap = known ?? (bytes && decodePagemap(bytes, name));
      if (!pagemap) continue;
      maps.set(name, pagemap);
      if (member.name !== `${folder}pages-${pagemap.pagesId}.img`) continue;
      const mmName = name.replace('pagemap-', 'mm-');
      const mmBytes = kept(mmName);
      const image = mmBytes && decodeImage(mmBytes, mmName);
      if (image?.kind.message !== MmEntry) continue;
      const mm = image.entries[0]?.message as MmEntry | undefined;
      const pageSize = pageSizeOf(pagemap, member.size) ?? addressUnit;
      if (!mm) continue;
      for (const range of fileRanges(pagemap, pageSize, mm.mm_arg_start, mm.mm_env_end)) ranges.push(range);
    } catch {
      // The same bytes are decoded again where the answer is wanted, and fail there with their name.
    }
  }
  return ranges;
}

/** Longest stretch of arguments and environment that is kept for one process, in bytes. */
const longestText = 16 << 20;

function* fileRanges(pagemap: Pagemap, pageSize: number, from: bigint, to: bigint) {
  const start = Number(from);
  const end = Math.min(Number(to), start + longestText);
  for (let at = 0; at < pagemap.length; at++) {
    const first = (pagemap.start[at] ?? 0) * addressUnit;
    const last = first + (pagemap.pages[at] ?? 0) * pageSize;
    if (last <= start || first >= end || !((pagemap.flags[at] ?? 0) & pageFlags.present)) continue;
    const low = Math.max(first, start);
    const offset = (pagemap.filePage[at] ?? 0) * pageSize + (low - first);
    yield { offset, length: Math.min(last, end) - low };
  }
}

/** The members that say who and when: small, and first in most archives. */
export const headMembers: readonly string[] = [
  memberNames.configDump,
  memberNames.specDump,
  memberNames.networkStatus,
  memberNames.statsDump,
];
