import type { ByteSource } from '../bytes/byte-source.ts';
import { CodedError } from '../errors/coded-error.ts';
import { MmEntry } from '../gen/criu/memory.ts';
import { type ImageFiles, ImageSet } from './image-set.ts';
import { addressUnit, decodePagemap, entryAt, type Pagemap, pageFlags, pageSizeOf } from './pagemap.ts';

/** Longest chain of dumps that build on each other; also what ends a chain that runs in a circle. */
const maxParents = 128;

/** A stretch of addresses whose bytes lie together in one place, or nowhere. */
export interface MemoryRun {
  readonly start: bigint;
  readonly end: bigint;
  /** `lazy`: the pages were left on a page server. `lost`: in a dump before this one, which is not here. */
  readonly state: 'present' | 'lazy' | 'lost';
  /** Where the bytes are, when they are present. */
  readonly pages: ByteSource | undefined;
  /** Offset of `start` in `pages`. */
  readonly offset: number;
}

/** One dump's share of an address space. */
interface Layer {
  pagemap: Pagemap;
  pages: ByteSource;
}

/**
 * The memory that one pagemap describes: of a process (`pagemap-1.img`, addresses) or of a shared segment
 * (`pagemap-shmem-7.img`, offsets). Pages that did not change since an earlier dump are read from there.
 */
export class Memory {
  readonly pageSize: number;
  readonly #layers: readonly Layer[];

  private constructor(layers: readonly Layer[], pageSize: number) {
    this.#layers = layers;
    this.pageSize = pageSize;
  }

  /**
   * @param name file name of the pagemap.
   * @returns undefined where there is no such pagemap: the process had no memory (a zombie).
   * @throws CodedError `corrupt` for a malformed pagemap, `resource-exhausted` for one that is too long.
   */
  static async open(images: ImageSet, name: string): Promise<Memory | undefined> {
    const layers: Layer[] = [];
    let set: ImageSet | undefined = images;
    try {
      while (set) {
        const layer = await openLayer(set, name);
        if (!layer) break;
        layers.push(layer);
        if (!hasParentPages(layer.pagemap) || layers.length > maxParents) break;
        const parent: ImageFiles | undefined = await set.files.parent?.();
        set = parent && new ImageSet(parent, images.limits);
      }
      return layers.length > 0 ? new Memory(layers, await choosePageSize(images, name, layers)) : undefined;
    } catch (error) {
      for (const layer of layers) await layer.pages.close();
      throw error;
    }
  }

  /** How many pages are in this dump's own pages file. */
  get ownPages(): number {
    return this.#layers[0]?.pagemap.presentPages ?? 0;
  }

  /** Every stretch that the pagemap names, by rising address, limited to `from .. to`. */
  *runs(from = 0n, to = 1n << 64n): Generator<MemoryRun> {
    yield* this.#runsOf(0, from, to);
  }

  /** The bytes from `address` on, or undefined when some of them are not in the images. */
  async read(address: bigint, length: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const out = new Uint8Array(length);
    const end = address + BigInt(length);
    let at = address;
    for (const run of this.runs(address, end)) {
      if (run.start !== at || !run.pages) return undefined;
      const bytes = await run.pages.read(run.offset, Number(run.end - run.start), signal);
      out.set(bytes, Number(run.start - address));
      at = run.end;
    }
    return at === end ? out : undefined;
  }

  async close(): Promise<void> {
    for (const layer of this.#layers) await layer.pages.close();
  }

  *#runsOf(depth: number, from: bigint, to: bigint): Generator<MemoryRun> {
    const layer = this.#layers[depth];
    if (!layer) return;
    const { pagemap } = layer;
    const first = Math.max(0, entryAt(pagemap, Number(from / BigInt(addressUnit))));
    for (let at = first; at < pagemap.length; at++) {
      const start = BigInt(pagemap.start[at] ?? 0) * BigInt(addressUnit);
      if (start >= to) return;
      const end = start + BigInt(pagemap.pages[at] ?? 0) * BigInt(this.pageSize);
      const wanted = { start: start > from ? start : from, end: end < to ? end : to };
      if (wanted.start < wanted.end) yield* this.#resolve(depth, layer, at, start, wanted);
    }
  }

  *#resolve(
    depth: number,
    { pagemap, pages }: Layer,
    at: number,
    entryStart: bigint,
    { start, end }: { start: bigint; end: bigint },
  ): Generator<MemoryRun> {
    const flags = pagemap.flags[at] ?? 0;
    if (flags & pageFlags.present) {
      const offset = (pagemap.filePage[at] ?? 0) * this.pageSize + Number(start - entryStart);
      yield { start, end, state: 'present', pages, offset };
    } else if (flags & pageFlags.parent) {
      let next = start;
      for (const run of this.#runsOf(depth + 1, start, end)) {
        if (run.start > next) yield absent(next, run.start, 'lost');
        yield run;
        next = run.end;
      }
      if (next < end) yield absent(next, end, 'lost');
    } else {
      yield absent(start, end, 'lazy');
    }
  }
}

function absent(start: bigint, end: bigint, state: 'lazy' | 'lost'): MemoryRun {
  return { start, end, state, pages: undefined, offset: 0 };
}

function hasParentPages(pagemap: Pagemap): boolean {
  return pagemap.flags.some((flags) => (flags & pageFlags.parent) !== 0 && (flags & pageFlags.present) === 0);
}

async function openLayer(images: ImageSet, name: string): Promise<Layer | undefined> {
  const bytes = await images.bytes(name);
  if (!bytes) return undefined;
  const pagemap = decodePagemap(bytes, name);
  const pages = await images.files.open(`pages-${pagemap.pagesId}.img`);
  if (!pages && pagemap.presentPages > 0) {
    throw new CodedError('corrupt', `${name} names pages-${pagemap.pagesId}.img, which is not there`);
  }
  return { pagemap, pages: pages ?? noPages };
}

const noPages: ByteSource = {
  size: 0,
  async read() {
    throw new CodedError('corrupt', 'there are no pages here');
  },
  async close() {},
};

const auxPageSize = 6n;

/** From the pages files, else from what the kernel had told the process, else the usual 4096. */
async function choosePageSize(images: ImageSet, name: string, layers: readonly Layer[]): Promise<number> {
  for (const { pagemap, pages } of layers) {
    const size = pageSizeOf(pagemap, pages.size);
    if (size) return size;
  }
  const pid = /^pagemap-(\d+)\.img$/.exec(name)?.[1];
  const mm = pid && (await images.message(`mm-${pid}.img`, MmEntry));
  if (!mm) return addressUnit;
  const at = mm.mm_saved_auxv.findIndex((value, index) => index % 2 === 0 && value === auxPageSize);
  const told = Number(mm.mm_saved_auxv[at + 1] ?? 0n);
  return at >= 0 && told >= addressUnit && told <= 1 << 16 && told % addressUnit === 0 ? told : addressUnit;
}
