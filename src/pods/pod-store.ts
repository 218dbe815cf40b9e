import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checksumType } from '../checkpointmanager/checksum.ts';
import { textField } from '../checkpointmanager/checksum-rule.ts';
import { defineCheckpoint, version } from '../checkpointmanager/define.ts';
import { DefinedCheckpoint } from '../checkpointmanager/defined-checkpoint.ts';
import { string, struct, tag } from '../checkpointmanager/go-type.ts';
import { CheckpointManager } from '../checkpointmanager/manager.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { privateDirectory } from '../localfs/atomic-file.ts';
import { FileStore } from '../localfs/file-store.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import { replaceSettingAside } from '../localfs/set-aside.ts';
import type { ConfigObject } from './configuration.ts';
import type { Pod } from './pod.ts';

/** What the node remembers of a pod that it has accepted. */
export interface PodRecord {
  pod: Pod;
  /** Manifest that the pod runs for, and the hash of its content; absent where it came from a checkpoint. */
  manifest?: { file: string; hash: string };
  /** RFC 3339 time at which it was accepted. */
  seen: string;
  /** ConfigMaps and Secrets as the pod had them last: it starts again without their manifests. */
  configuration?: ConfigObject[];
  /** Sandbox id of the checkpoint that it continues from. */
  restoredFrom?: string;
  /** Set from before the restore until it is complete: nothing else may start the pod meanwhile. */
  restoring?: boolean;
  /** Set when a drain ended the pod after its checkpoint was complete. */
  drained?: boolean;
}

export function uidOf({ pod }: PodRecord): string {
  return pod.metadata.uid;
}

/** Keeps the records of accepted pods over a crash or a reboot. */
export interface PodStore {
  load(): Promise<PodRecord[]>;
  save(record: PodRecord): Promise<void>;
  remove(uid: string): Promise<void>;
}

/**
 * The successor of the kubelet's bootstrap checkpoint of a pod. Its checksum covers the text, not every field of
 * one release's `v1.Pod`: it stays what it is when fields are added.
 */
const file = struct('pods.Record', { Data: tag('data', string), Checksum: tag('checksum', checksumType) });
export const podRecords = defineCheckpoint({
  name: 'pod-record',
  versions: [version({ version: 'v1', type: file, checksum: textField('Data') })],
});

/** Records before they had a checksum: `<uid>.json`. */
const oldName = /^[A-Za-z0-9][-A-Za-z0-9]*\.json$/;

/**
 * One checkpoint by the pod's uid in `directory`, kept by the checkpoint manager. One that is broken is told and set
 * aside; its pod is not taken over.
 */
export class PodFiles implements PodStore {
  readonly #directory: string;
  readonly #log: (message: string) => void;
  #manager: CheckpointManager | undefined;

  constructor(directory: string, log: (message: string) => void) {
    this.#directory = directory;
    this.#log = log;
  }

  async load(): Promise<PodRecord[]> {
    const manager = await this.#opened();
    await this.#takeOldOver();
    const records: PodRecord[] = [];
    for (const uid of (await manager.listCheckpoints()).filter((name) => !name.includes('.'))) {
      const kept = new DefinedCheckpoint(podRecords);
      try {
        await manager.getCheckpoint(uid, kept);
        const record = recordOf(kept.value?.Data ?? '');
        if (record.pod.metadata.uid !== uid)
          throw new CodedError('corrupt', 'it is the record of another pod');
        records.push(record);
      } catch (error) {
        await this.#setAside(join(this.#directory, uid), error);
      }
    }
    return records;
  }

  async save(record: PodRecord): Promise<void> {
    const manager = await this.#opened();
    const value = { Data: JSON.stringify(record), Checksum: 0n };
    await manager.createCheckpoint(record.pod.metadata.uid, new DefinedCheckpoint(podRecords, value));
  }

  async remove(uid: string): Promise<void> {
    await (await this.#opened()).removeCheckpoint(uid);
  }

  async #opened(): Promise<CheckpointManager> {
    if (!this.#manager) {
      await makeDirectories(this.#directory, privateDirectory);
      this.#manager = new CheckpointManager(await FileStore.open(this.#directory));
    }
    return this.#manager;
  }

  async #takeOldOver(): Promise<void> {
    for (const name of (await readdir(this.#directory)).filter((name) => oldName.test(name)).sort()) {
      const path = join(this.#directory, name);
      try {
        await this.save(recordOf(await readFile(path, 'utf8')));
        await rm(path);
      } catch (error) {
        await this.#setAside(path, error);
      }
    }
  }

  async #setAside(path: string, error: unknown): Promise<void> {
    this.#log(`reading ${path}: ${messageOf(error)}; the pod is not taken over`);
    await replaceSettingAside(path, undefined, 'corrupt', new Date()).catch((failed: unknown) =>
      this.#log(`setting ${path} aside: ${messageOf(failed)}`),
    );
  }
}

function recordOf(text: string): PodRecord {
  const { version: _version, ...record } = JSON.parse(text) as { version?: number } & PodRecord;
  if (typeof record.pod?.metadata?.uid === 'string' && Array.isArray(record.pod.spec?.containers))
    return record;
  throw new CodedError('corrupt', 'it is no record of a pod');
}
