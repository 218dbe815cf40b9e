import { CodedError, isCoded, messageOf } from '../errors/coded-error.ts';
import { CheckpointNotFoundError } from './errors.ts';
import type { Store } from './store.ts';

/** Something that can be kept: it writes itself, reads itself and knows whether what it read is whole. */
export interface Checkpoint {
  /** Computes the checksum, puts it into the object, returns the file. */
  marshalCheckpoint(): Uint8Array;
  unmarshalCheckpoint(bytes: Uint8Array): void;
  /** @throws CorruptCheckpointError */
  verifyChecksum(): void;
}

/**
 * The kubelet's checkpoint manager: four calls over a store, one at a time. Errors of a checkpoint's own
 * methods pass through as they are.
 */
export class CheckpointManager {
  readonly #store: Store;
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Writes the checkpoint, over what was there. Nothing is written when it cannot marshal itself. */
  createCheckpoint(key: string, checkpoint: Checkpoint): Promise<void> {
    return this.#alone(async () => {
      const bytes = checkpoint.marshalCheckpoint();
      await this.#store.write(key, bytes);
    });
  }

  /**
   * Fills the checkpoint from the store. With a wrong checksum it stays filled with the bad data, and the
   * file stays where it is.
   * @throws CheckpointNotFoundError; CorruptCheckpointError; what decoding throws.
   */
  getCheckpoint(key: string, checkpoint: Checkpoint): Promise<void> {
    return this.#alone(async () => {
      let bytes: Uint8Array;
      try {
        bytes = await this.#store.read(key);
      } catch (error) {
        throw isCoded(error, 'not-found') ? new CheckpointNotFoundError(error) : error;
      }
      checkpoint.unmarshalCheckpoint(bytes);
      checkpoint.verifyChecksum();
    });
  }

  /** No error when there is none. */
  removeCheckpoint(key: string): Promise<void> {
    return this.#alone(() => this.#store.delete(key));
  }

  /** Every name that is there, sorted by bytes: also directories and what no key could name. */
  listCheckpoints(): Promise<string[]> {
    return this.#alone(async () => {
      try {
        return await this.#store.list();
      } catch (error) {
        throw new CodedError('unavailable', `failed to list checkpoint store: ${messageOf(error)}`, {
          cause: error,
        });
      }
    });
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}
