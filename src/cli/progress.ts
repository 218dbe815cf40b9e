import type { Output } from './console.ts';
import { byteText } from './output/quantities.ts';

/** Milliseconds before the first line and between two. */
const patience = 1000;
const interval = 100;

/**
 * One line on a terminal's standard error for work that takes more than a second; nothing where there is no
 * terminal. `done` wipes it.
 */
export class Progress {
  readonly #err: Output;
  readonly #label: string;
  #next: number;
  #shown = false;

  constructor(err: Output, label: string) {
    this.#err = err;
    this.#label = label;
    this.#next = performance.now() + patience;
  }

  /** `done` of `total` bytes; the total is 0 where nobody knows it. */
  bytes(done: number, total: number): void {
    if (!this.#due()) return;
    const part = total > 0 ? ` ${bar(done / total)} ${Math.floor((100 * done) / total)} %` : '';
    this.#show(`${this.#label}${part} ${byteText(done)}${total > 0 ? ` of ${byteText(total)}` : ''}`);
  }

  /** `done` of `total` things. */
  count(done: number, total: number): void {
    if (this.#due()) this.#show(`${this.#label} ${bar(done / total)} ${done} of ${total}`);
  }

  done(): void {
    if (this.#shown) this.#err.write('\r\u001b[K');
    this.#shown = false;
  }

  #due(): boolean {
    if (!this.#err.isTerminal) return false;
    const now = performance.now();
    if (now < this.#next) return false;
    this.#next = now + interval;
    return true;
  }

  #show(text: string): void {
    this.#shown = true;
    this.#err.write(`\r${text.slice(0, Math.max(20, this.#err.columns - 1))}\u001b[K`);
  }
}

function bar(part: number): string {
  const full = Math.round(20 * Math.min(1, Math.max(0, part)));
  return `[${'#'.repeat(full)}${'.'.repeat(20 - full)}]`;
}
