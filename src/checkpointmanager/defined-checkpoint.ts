import type { CheckpointDefinition, MigrationFacts } from './define.ts';
import { CheckpointNotFoundError, CorruptCheckpointError } from './errors.ts';
import type { Checkpoint, CheckpointManager } from './manager.ts';

/** A value with its definition, in the form in which the manager keeps it. Files of older versions are read. */
export class DefinedCheckpoint<V> implements Checkpoint {
  readonly definition: CheckpointDefinition<V>;
  readonly #facts: MigrationFacts;
  value: V | undefined;
  #error: unknown;

  constructor(definition: CheckpointDefinition<V>, value?: V, facts: MigrationFacts = {}) {
    this.definition = definition;
    this.value = value;
    this.#facts = facts;
  }

  marshalCheckpoint(): Uint8Array {
    return this.definition.encode(this.value);
  }

  unmarshalCheckpoint(bytes: Uint8Array): void {
    this.#error = undefined;
    try {
      this.value = this.definition.decode(bytes, this.#facts);
    } catch (error) {
      if (!(error instanceof CorruptCheckpointError)) throw error;
      this.#error = error;
      const latest = this.definition.inspect(bytes).find((seen) => seen.value !== undefined);
      if (latest?.version === this.definition.latest.version) this.value = latest.value as V;
    }
  }

  verifyChecksum(): void {
    if (this.#error) throw this.#error;
  }
}

/**
 * A value that is in memory and on disk, and the same in both: a change counts when it is durable, and a
 * change whose write fails has not happened.
 */
export class KeptValue<V> {
  readonly #manager: CheckpointManager;
  readonly #key: string;
  readonly #definition: CheckpointDefinition<V>;
  #value: V;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    manager: CheckpointManager,
    key: string,
    definition: CheckpointDefinition<V>,
    value: V,
  ) {
    this.#manager = manager;
    this.#key = key;
    this.#definition = definition;
    this.#value = value;
  }

  /** What is kept under the key; `initial` when nothing is. */
  static async open<V>(
    manager: CheckpointManager,
    key: string,
    definition: CheckpointDefinition<V>,
    initial: V,
  ): Promise<KeptValue<V>> {
    const checkpoint = new DefinedCheckpoint(definition);
    try {
      await manager.getCheckpoint(key, checkpoint);
    } catch (error) {
      if (!(error instanceof CheckpointNotFoundError)) throw error;
    }
    return new KeptValue(manager, key, definition, checkpoint.value ?? initial);
  }

  /** Do not change it; call `update`. */
  get value(): V {
    return this.#value;
  }

  /** Changes follow one another. `change` returns the new value and leaves the one it is given alone. */
  update(change: (value: V) => V): Promise<V> {
    const result = this.#last.then(async () => {
      const next = change(this.#value);
      await this.#manager.createCheckpoint(this.#key, new DefinedCheckpoint(this.#definition, next));
      this.#value = next;
      return next;
    });
    this.#last = result.catch(() => {});
    return result;
  }
}
