import { type ArchiveLimits, defaultLimits } from '../archive/limits.ts';
import { plainName } from '../archive/member-name.ts';
import {
  type Checkpoint,
  type Member,
  type MemberList,
  missingMember,
  type RawMember,
  type StreamedFile,
} from './checkpoint.ts';

/**
 * A checkpoint that lies in several layers of an image, the lowest first: what a layer has takes the place of what the
 * layers below have under its name, and its whiteouts (`.wh.NAME`, `.wh..wh..opq`) remove it.
 * @param layers owned from here on: closed together.
 */
export function layersCheckpoint(
  layers: readonly Checkpoint[],
  options: { origin: string; format: string; close(): Promise<void> },
): Checkpoint {
  return new LayersCheckpoint(layers, options);
}

/** The members that can be seen, and the layer of each. */
interface Merged {
  list: MemberList;
  owners: ReadonlyMap<string, Checkpoint>;
}

class LayersCheckpoint implements Checkpoint {
  readonly origin: string;
  readonly format: string;
  readonly sequential: boolean;
  readonly limits: ArchiveLimits;
  readonly #layers: readonly Checkpoint[];
  readonly #release: () => Promise<void>;
  #merged: Promise<Merged> | undefined;

  constructor(
    layers: readonly Checkpoint[],
    { origin, format, close }: { origin: string; format: string; close(): Promise<void> },
  ) {
    this.origin = origin;
    this.format = format;
    this.sequential = layers.some((layer) => layer.sequential);
    this.limits = layers[0]?.limits ?? defaultLimits;
    this.#layers = layers;
    this.#release = close;
  }

  async members(signal?: AbortSignal): Promise<MemberList> {
    return (await this.#all(signal)).list;
  }

  async find(name: string, signal?: AbortSignal): Promise<Member | undefined> {
    return (await this.#all(signal)).list.get(name);
  }

  async read(...[name, options]: Parameters<Checkpoint['read']>): Promise<Uint8Array> {
    return (await this.#owner(name, options?.signal)).read(name, options);
  }

  async open(...[name, signal]: Parameters<Checkpoint['open']>) {
    return (await this.#owner(name, signal)).open(name, signal);
  }

  async *stream(signal?: AbortSignal): AsyncGenerator<StreamedFile, void, void> {
    const { owners } = await this.#all(signal);
    for (const layer of this.#layers) {
      for await (const one of layer.stream(signal)) if (owners.get(one.member.name) === layer) yield one;
    }
  }

  async prepare(...[wanted, signal]: Parameters<Checkpoint['prepare']>): Promise<void> {
    for (const layer of this.#layers) await layer.prepare(wanted, signal);
  }

  async close(): Promise<void> {
    for (const layer of this.#layers) await layer.close();
    await this.#release();
  }

  async #owner(name: string, signal?: AbortSignal): Promise<Checkpoint> {
    const owner = (await this.#all(signal)).owners.get(name);
    if (owner) return owner;
    throw missingMember(this.origin, name);
  }

  #all(signal?: AbortSignal): Promise<Merged> {
    this.#merged ??= merge(this.#layers, signal).catch((error: unknown) => {
      this.#merged = undefined;
      throw error;
    });
    return this.#merged;
  }
}

async function merge(layers: readonly Checkpoint[], signal?: AbortSignal): Promise<Merged> {
  const cover = new Cover();
  const files: Member[] = [];
  const raw: RawMember[] = [];
  const owners = new Map<string, Checkpoint>();
  for (const layer of layers.toReversed()) {
    const list = await layer.members(signal);
    for (const member of list.files) {
      if (whiteout(member.name) || cover.hides(member.name, false)) continue;
      files.push(member);
      owners.set(member.name, layer);
    }
    for (const entry of list.raw) {
      const name = plainName(entry.name);
      if (!whiteout(name) && !cover.hides(name, entry.type === 'directory')) raw.push(entry);
    }
    for (const { name, type } of list.raw) cover.add(plainName(name), type === 'directory');
  }
  const byName = new Map(files.map((member) => [member.name, member]));
  return { list: { files, raw, get: (name) => byName.get(name) }, owners };
}

const opaque = '.wh..wh..opq';

/** What a whiteout removes: a path, or all that is in a folder; undefined for what is no whiteout. */
function whiteout(name: string): { path: string; inside: boolean } | undefined {
  const slash = name.lastIndexOf('/');
  const [folder, last] = [name.slice(0, slash + 1), name.slice(slash + 1)];
  if (!last.startsWith('.wh.')) return undefined;
  if (last === opaque) return { path: folder.replace(/\/$/, ''), inside: true };
  return { path: folder + last.slice(4), inside: false };
}

/** What the layers above leave of those below. */
class Cover {
  /** Removed, or taken by something that is no folder: neither they nor what is below them can be seen. */
  readonly #gone = new Set<string>();
  /** Folders whose contents were removed. */
  readonly #emptied = new Set<string>();
  readonly #folders = new Set<string>();

  add(name: string, isFolder: boolean): void {
    const removed = whiteout(name);
    if (removed?.inside) this.#emptied.add(removed.path);
    else if (removed) this.#gone.add(removed.path);
    else if (isFolder) this.#folders.add(name.replace(/\/$/, ''));
    else this.#gone.add(name);
  }

  hides(name: string, isFolder: boolean): boolean {
    let path = name.replace(/\/$/, '');
    if (this.#gone.has(path) || this.#folders.has(path)) return !isFolder || this.#gone.has(path);
    while (path !== '') {
      const slash = path.lastIndexOf('/');
      path = slash < 0 ? '' : path.slice(0, slash);
      if (this.#emptied.has(path) || (path !== '' && this.#gone.has(path))) return true;
    }
    return false;
  }
}
