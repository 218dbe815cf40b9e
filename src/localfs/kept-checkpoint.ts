import { join } from 'node:path';
import type { CheckpointDefinition } from '../checkpointmanager/define.ts';
import { DefinedCheckpoint } from '../checkpointmanager/defined-checkpoint.ts';
import { CheckpointNotFoundError } from '../checkpointmanager/errors.ts';
import { type Checkpoint, CheckpointManager } from '../checkpointmanager/manager.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { FileStore } from './file-store.ts';
import { replaceSettingAside, type SetAsideReason } from './set-aside.ts';

/** One of the kubelet's files, kept by the checkpoint manager: every version is read, one is written. */
export class KeptCheckpoint<V> {
  readonly path: string;
  readonly #key: string;
  readonly #manager: CheckpointManager;
  readonly #definition: CheckpointDefinition<V>;
  readonly #version: string;

  private constructor(
    directory: string,
    key: string,
    manager: CheckpointManager,
    definition: CheckpointDefinition<V>,
    version: string,
  ) {
    this.path = join(directory, key);
    this.#key = key;
    this.#manager = manager;
    this.#definition = definition;
    this.#version = version;
  }

  /** @param version that is written */
  static async open<V>(
    directory: string,
    key: string,
    definition: CheckpointDefinition<V>,
    version: string,
  ): Promise<KeptCheckpoint<V>> {
    const manager = new CheckpointManager(await FileStore.open(directory));
    return new KeptCheckpoint(directory, key, manager, definition, version);
  }

  /**
   * Undefined where there is no file.
   * @throws CodedError where it cannot be read, or its checksum is wrong
   */
  async read(): Promise<V | undefined> {
    const kept = new DefinedCheckpoint(this.#definition);
    try {
      await this.#manager.getCheckpoint(this.#key, kept);
    } catch (error) {
      if (error instanceof CheckpointNotFoundError) return undefined;
      throw error;
    }
    if (!kept.value) throw new CodedError('corrupt', `${this.path} has no content`);
    return kept.value;
  }

  /** Resolves when it is durable. @param value as the version that is written has it */
  async write(value: unknown): Promise<void> {
    await this.#manager.createCheckpoint(
      this.#key,
      new Written(this.#definition.encode(value, this.#version)),
    );
  }

  /** Gives a file that is not gone another name, and goes on without it. @returns that name */
  async setAside(reason: SetAsideReason): Promise<string> {
    return replaceSettingAside(this.path, undefined, reason, new Date()).catch((error: unknown) =>
      messageOf(error),
    );
  }
}

/** Bytes on their way to the disk. */
class Written implements Checkpoint {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  marshalCheckpoint(): Uint8Array {
    return this.#bytes;
  }

  unmarshalCheckpoint(): void {
    throw new CodedError('internal', 'this is only written');
  }

  verifyChecksum(): void {}
}
