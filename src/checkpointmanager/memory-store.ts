import { validateKey } from './errors.ts';
import { compareText } from './go-syntax.ts';
import { KeyNotFoundError, type Store } from './store.ts';

/** A store in memory, for tests and for state that need not survive. Bytes are copied in and out. */
export class MemoryStore implements Store {
  readonly #files = new Map<string, Uint8Array>();

  async write(key: string, bytes: Uint8Array): Promise<void> {
    validateKey(key);
    this.#files.set(key, bytes.slice());
  }

  async read(key: string): Promise<Uint8Array> {
    validateKey(key);
    const bytes = this.#files.get(key);
    if (!bytes) throw new KeyNotFoundError();
    return bytes.slice();
  }

  async delete(key: string): Promise<void> {
    validateKey(key);
    this.#files.delete(key);
  }

  async list(): Promise<string[]> {
    return [...this.#files.keys()].sort(compareText);
  }
}
