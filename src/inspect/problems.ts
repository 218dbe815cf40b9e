import { isCoded } from '../errors/coded-error.ts';

/** Something that could not be read or makes no sense; the rest of the report stands without it. */
export interface Problem {
  /** What it is about: `process 7: arguments`, `files.img`. */
  readonly about: string;
  readonly message: string;
}

const mostProblems = 1000;

/** Collects what went wrong, so that one bad image costs one answer and not all of them. */
export class Problems {
  readonly list: Problem[] = [];
  #more = 0;

  /** The first thousand are kept, and how many came after them: a bad image may hold millions. */
  add(about: string, message: string): void {
    if (this.list.length < mostProblems) {
      this.list.push({ about, message });
      return;
    }
    this.#more += 1;
    const more = this.#more === 1 ? '1 more problem' : `${this.#more} more problems`;
    this.list[mostProblems] = { about: 'the rest', message: `${more} of this checkpoint` };
  }

  /** What `work` gives, or undefined with a problem noted where the checkpoint was to blame. */
  async attempt<T>(about: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!isCoded(error) || error.code === 'cancelled') throw error;
      this.add(about, error.message);
      return undefined;
    }
  }
}
