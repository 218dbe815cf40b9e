import { writeSync } from 'node:fs';
import { isatty, WriteStream } from 'node:tty';
import { BrokenPipe, type Output } from '../console.ts';

/**
 * Standard output or standard error. Written synchronously, so that nothing is lost when the program ends and
 * a slow reader slows the writer down; small pieces are gathered first.
 */
export class DescriptorOutput implements Output {
  readonly isTerminal: boolean;
  readonly #descriptor: number;
  readonly #gather: number;
  #held: Uint8Array[] = [];
  #length = 0;

  /** @param gather bytes to hold back at most; 0 passes every piece on. */
  constructor(descriptor: number, gather: number) {
    this.#descriptor = descriptor;
    this.#gather = gather;
    this.isTerminal = isatty(descriptor);
  }

  get columns(): number {
    return this.isTerminal ? new WriteStream(this.#descriptor).columns : 0;
  }

  write(data: string | Uint8Array): void {
    const bytes = typeof data === 'string' ? Buffer.from(data) : Uint8Array.from(data);
    this.#held.push(bytes);
    this.#length += bytes.length;
    if (this.#length > this.#gather) this.flush();
  }

  flush(): void {
    const bytes = Buffer.concat(this.#held);
    this.#held = [];
    this.#length = 0;
    for (let at = 0; at < bytes.length; ) at += this.#some(bytes, at);
  }

  #some(bytes: Uint8Array, at: number): number {
    try {
      return writeSync(this.#descriptor, bytes, at);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EPIPE') throw new BrokenPipe();
      if (code !== 'EAGAIN') throw error;
      // Somebody made the pipe non-blocking and its reader is slow.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      return 0;
    }
  }
}
