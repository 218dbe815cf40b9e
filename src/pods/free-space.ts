import { stat, statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { dirname } from 'node:path';
import { CodedError } from '../errors/coded-error.ts';

export interface FreeSpaceOptions {
  /** Bytes that must stay free on each disk. */
  floor: number;
  /** Folders that checkpoints write to: that of the archives, that of the runtime's images. */
  folders: readonly string[];
  /** Milliseconds between two looks while something is written. */
  interval?: number;
  /** Bytes of memory of the node: no dump is larger. Those of this machine where left out. */
  memory?: number;
}

/** One disk that folders are on. */
interface Disk {
  folder: string;
  /** Bytes. */
  free: number;
  /** How many of the folders are on it. */
  folders: number;
}

/** Sees to it that checkpoints do not fill the node's disks. */
export class FreeSpace {
  readonly #options: FreeSpaceOptions;

  constructor(options: FreeSpaceOptions) {
    this.#options = options;
  }

  /**
   * @param estimate bytes that each of the folders is thought to take; asked for only where the node's whole memory
   *   would not fit
   * @throws CodedError `resource-exhausted` where less than the floor would stay free
   */
  async check(estimate: number | (() => Promise<number>) = 0): Promise<void> {
    const disks = await this.#disks();
    const { memory = totalmem() } = this.#options;
    if (typeof estimate !== 'number' && disks.every((disk) => this.#fits(disk, memory))) return;
    const each = typeof estimate === 'number' ? estimate : await estimate();
    for (const disk of disks) if (!this.#fits(disk, each)) throw this.#tooFull(disk, each);
  }

  /**
   * Looks again and again, beginning after a while, while `work` goes on, and aborts it when a disk comes below the floor.
   * @throws CodedError `resource-exhausted` then, whatever `work` fails with
   */
  async during<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { interval = 250 } = this.#options;
    const full = new AbortController();
    let ended = false;
    const look = async (): Promise<void> => {
      await this.check().catch((error: unknown) => full.abort(error));
      if (!ended && !full.signal.aborted) timer = setTimeout(look, interval);
    };
    let timer = setTimeout(look, interval);
    try {
      return await work(AbortSignal.any([signal, full.signal]));
    } catch (error) {
      throw full.signal.aborted ? full.signal.reason : error;
    } finally {
      ended = true;
      clearTimeout(timer);
    }
  }

  async #disks(): Promise<Disk[]> {
    const disks = new Map<number, Disk>();
    for (const { folder, device } of await Promise.all(this.#options.folders.map(existing))) {
      const disk = disks.get(device) ?? { folder, free: 0, folders: 0 };
      disk.folders++;
      disks.set(device, disk);
    }
    const asked = [...disks.values()].map(async (disk) => {
      const { bavail, bsize } = await statfs(disk.folder);
      return { ...disk, free: bavail * bsize };
    });
    return Promise.all(asked);
  }

  #fits({ free, folders }: Disk, each: number): boolean {
    return free - each * folders >= this.#options.floor;
  }

  #tooFull({ folder, free, folders }: Disk, each: number): CodedError {
    const { floor } = this.#options;
    const needed = each * folders;
    const takes = needed > 0 ? `, the checkpoint may take ${mebibytes(needed)}` : '';
    return new CodedError(
      'resource-exhausted',
      `only ${mebibytes(free)} are free in ${folder}${takes}, ${mebibytes(floor)} must stay free`,
      { hint: 'remove checkpoints that are not needed any more' },
    );
  }
}

/** The folder, or the nearest one above it that exists. */
async function existing(folder: string): Promise<{ folder: string; device: number }> {
  for (let path = folder; ; path = dirname(path)) {
    const found = await stat(path).catch(() => undefined);
    if (found) return { folder: path, device: found.dev };
    if (path === dirname(path)) throw new CodedError('not-found', `${folder} is nowhere`);
  }
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
