import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CodedError } from '../errors/coded-error.ts';

export interface FreeSpaceOptions {
  /** Bytes that must stay free on each disk. */
  floor: number;
  /** Folders that checkpoints write to: that of the archives, that of the runtime's images. */
  folders: readonly string[];
  /** Milliseconds between two looks while something is written. */
  interval?: number;
}

/** Sees to it that checkpoints do not fill the node's disks. */
export class FreeSpace {
  readonly #options: FreeSpaceOptions;

  constructor(options: FreeSpaceOptions) {
    this.#options = options;
  }

  /**
   * @param estimate bytes that each of the folders is thought to take
   * @throws CodedError `resource-exhausted` where less than the floor would stay free
   */
  async check(estimate = 0): Promise<void> {
    const disks = new Map<number, { folder: string; needed: number }>();
    for (const folder of this.#options.folders) {
      const found = await existing(folder);
      const disk = disks.get(found.device) ?? { folder: found.folder, needed: 0 };
      disk.needed += estimate;
      disks.set(found.device, disk);
    }
    for (const { folder, needed } of disks.values()) await this.#checkDisk(folder, needed);
  }

  /**
   * Looks again and again while `work` goes on, and aborts it when a disk comes below the floor.
   * @throws CodedError `resource-exhausted` then, whatever `work` fails with
   */
  async during<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const full = new AbortController();
    let ended = false;
    const look = async (): Promise<void> => {
      await this.check().catch((error: unknown) => full.abort(error));
      if (!ended && !full.signal.aborted) timer = setTimeout(look, this.#options.interval ?? 250);
    };
    let timer = setTimeout(look, 0);
    try {
      return await work(AbortSignal.any([signal, full.signal]));
    } catch (error) {
      throw full.signal.aborted ? full.signal.reason : error;
    } finally {
      ended = true;
      clearTimeout(timer);
    }
  }

  async #checkDisk(folder: string, needed: number): Promise<void> {
    const { floor } = this.#options;
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    if (free - needed >= floor) return;
    const takes = needed > 0 ? `, the checkpoint may take ${mebibytes(needed)}` : '';
    throw new CodedError(
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
