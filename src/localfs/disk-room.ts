import { statfsSync } from 'node:fs';
import { CodedError } from '../errors/coded-error.ts';

/** How long the room that was seen may be taken for granted, in milliseconds, and how much of it, in bytes. */
const roomFor = 100;
const roomAssumed = 16 << 20;

/** Free space of the disk of a directory, some of which has to stay free. */
export class DiskRoom {
  readonly #directory: string;
  readonly #minimumFree: number;
  #room = { seen: Number.NEGATIVE_INFINITY, free: 0 };

  /** @param minimumFree bytes; 0 for a room that is never asked about */
  constructor(directory: string, minimumFree: number) {
    this.#directory = directory;
    this.#minimumFree = minimumFree;
  }

  /** To be called before so many bytes are written. @throws CodedError `resource-exhausted` where there is no room */
  take(wanted: number): void {
    const minimumFree = this.#minimumFree;
    if (minimumFree === 0) return;
    const now = performance.now();
    // Others fill the disk as well, but not that much in so short a time; where they do, the write itself fails.
    if (now - this.#room.seen < roomFor && this.#room.free - wanted >= minimumFree + roomAssumed) {
      this.#room.free -= wanted;
      return;
    }
    const { bavail, bsize } = statfsSync(this.#directory);
    const free = bavail * bsize;
    this.#room = { seen: now, free: free - wanted };
    if (free - wanted >= minimumFree) return;
    throw new CodedError(
      'resource-exhausted',
      `writing to ${this.#directory}: ${free} bytes are free, ${wanted} are to be written and ` +
        `${minimumFree} have to stay free`,
      { data: { path: this.#directory, free, wanted } },
    );
  }
}
