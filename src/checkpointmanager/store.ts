import { CodedError } from '../errors/coded-error.ts';

/**
 * Where the manager keeps bytes under keys. A write is seen whole or not at all, and when it fails the old
 * bytes are still there. Keys are checked by write, read and delete.
 */
export interface Store {
  write(key: string, bytes: Uint8Array): Promise<void>;
  /** @throws KeyNotFoundError */
  read(key: string): Promise<Uint8Array>;
  /** No error when there is nothing under the key. */
  delete(key: string): Promise<void>;
  /** All names that do not start with a dot, by byte order. */
  list(): Promise<string[]>;
}

/** There is nothing under the key. */
export class KeyNotFoundError extends CodedError {
  constructor(cause?: unknown) {
    super('not-found', 'key is not found', { cause });
    this.name = 'KeyNotFoundError';
  }
}
