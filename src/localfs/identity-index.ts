import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import about from '../../package.json' with { type: 'json' };
import {
  decodeIdentities,
  encodeIdentities,
  type IdentityTable,
  type ListedIdentity,
  longestTable,
} from '../checkpoint/identity-table.ts';
import { isOursAlone } from './ours-alone.ts';

/** One state of one file: its bytes cannot be others as long as its stamp is the same. */
export interface FileStamp {
  readonly key: string;
  /** The latest change of the file, in milliseconds since 1970. */
  readonly changed: number;
}

/** A change within the same tick of a file system's clock leaves no trace; the coarsest ticks are two seconds. */
const coarsestTick = 3000;

const writer = `stasis ${about.version}`;

/** The stamp of the regular file at `path`, or of what a link there leads to; undefined for anything else. */
function stampOf(path: string): FileStamp | undefined {
  const stat = statNow(path);
  if (!stat?.isFile()) return undefined;
  const { dev, ino, size, mtimeNs, ctimeNs } = stat;
  const changed = Math.max(Number(ctimeNs), Number(mtimeNs)) / 1e6;
  return { key: `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`, changed };
}

/**
 * What the archives in one directory were found to be, remembered between runs in a private file. It is never
 * older than the archives: an archive counts under its device, inode, size and times, the change time among
 * them, which nobody can set. Whatever is wrong with the file, there is none then.
 */
export class IdentityIndex {
  readonly #folder: string;
  readonly #path: string;
  readonly #known: IdentityTable;
  readonly #next = new Map<string, ListedIdentity>();
  readonly #clock: () => number;

  private constructor(folder: string, path: string, clock: () => number) {
    this.#folder = folder;
    this.#path = path;
    this.#clock = clock;
    this.#known = readTable(folder, path) ?? new Map();
  }

  /**
   * The index of `directory`, below `folder`; undefined where there is no such directory.
   * @param clock milliseconds since 1970.
   */
  static open(folder: string, directory: string, clock: () => number = Date.now): IdentityIndex | undefined {
    const stat = statNow(directory);
    if (!stat) return undefined;
    return new IdentityIndex(folder, join(folder, `list-${stat.dev}-${stat.ino}`), clock);
  }

  /** The state that the archive at `path` is in, to ask and to remember under. */
  stamp(path: string): FileStamp | undefined {
    return stampOf(path);
  }

  /** What is known of the archive in this state. */
  get({ key }: FileStamp): ListedIdentity | undefined {
    const identity = this.#known.get(key);
    if (identity) this.#next.set(key, identity);
    return identity;
  }

  /**
   * Remembers what was read of the archive at `path`, unless it changed since `before`, or has changed so
   * lately that the next change might look the same.
   */
  add(path: string, before: FileStamp, identity: ListedIdentity): void {
    if (before.changed > this.#clock() - coarsestTick) return;
    if (stampOf(path)?.key === before.key) this.#next.set(before.key, identity);
  }

  /** Writes down what was looked up and added, nothing else: archives that are gone are forgotten. */
  async save(): Promise<void> {
    const { size } = this.#next;
    if (size === this.#known.size && [...this.#next.keys()].every((key) => this.#known.has(key))) return;
    const { writeIndex } = await import('./index-folder.ts');
    await writeIndex(this.#folder, this.#path, size > 0 ? encodeIdentities(this.#next, writer) : undefined);
  }
}

function statNow(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    // Whoever opens it says what is wrong.
    return undefined;
  }
}

function readTable(folder: string, path: string): IdentityTable | undefined {
  let fd: number | undefined;
  try {
    if (!isOursAlone(lstatSync(folder))) return undefined;
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile() || !isOursAlone(stat) || stat.size > longestTable) return undefined;
    return decodeIdentities(readFileSync(fd), writer);
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
