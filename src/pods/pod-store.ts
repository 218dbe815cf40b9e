import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { privateDirectory, syncDirectory, writeFileAtomic } from '../localfs/atomic-file.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import type { Pod } from './pod.ts';

/** What the node remembers of a pod that it has accepted. */
export interface PodRecord {
  pod: Pod;
  /** Manifest that the pod runs for, and the hash of its content; absent where it came from a checkpoint. */
  manifest?: { file: string; hash: string };
  /** RFC 3339 time at which it was accepted. */
  seen: string;
  /** Sandbox id of the checkpoint that it continues from. */
  restoredFrom?: string;
  /** Set from before the restore until it is complete: nothing else may start the pod meanwhile. */
  restoring?: boolean;
  /** Set when a drain ended the pod after its checkpoint was complete. */
  drained?: boolean;
}

/** Keeps the records of accepted pods over a crash or a reboot. */
export interface PodStore {
  load(): Promise<PodRecord[]>;
  save(record: PodRecord): Promise<void>;
  remove(uid: string): Promise<void>;
}

const version = 1;

/** One file by the pod's uid in `directory`, each replaced in one step. A file that is broken is told, and left. */
export class PodFiles implements PodStore {
  readonly #directory: string;
  readonly #log: (message: string) => void;

  constructor(directory: string, log: (message: string) => void) {
    this.#directory = directory;
    this.#log = log;
  }

  async load(): Promise<PodRecord[]> {
    await makeDirectories(this.#directory, privateDirectory);
    const names = (await readdir(this.#directory)).filter((name) =>
      /^[A-Za-z0-9][-A-Za-z0-9]*\.json$/.test(name),
    );
    const records: PodRecord[] = [];
    for (const name of names.sort()) {
      const path = join(this.#directory, name);
      try {
        const raw = JSON.parse(await readFile(path, 'utf8')) as { version: number } & PodRecord;
        if (raw.version !== version || !raw.pod?.metadata?.uid || !Array.isArray(raw.pod.spec?.containers)) {
          throw new CodedError('corrupt', 'it is no record of a pod of this version');
        }
        const { version: _version, ...record } = raw;
        records.push(record);
      } catch (error) {
        this.#log(`reading ${path}: ${messageOf(error)}; the pod is not taken over`);
      }
    }
    return records;
  }

  async save(record: PodRecord): Promise<void> {
    const text = `${JSON.stringify({ version, ...record }, null, 2)}\n`;
    await writeFileAtomic(this.#path(record.pod.metadata.uid), new TextEncoder().encode(text));
  }

  async remove(uid: string): Promise<void> {
    await rm(this.#path(uid), { force: true });
    await syncDirectory(this.#directory);
  }

  #path(uid: string): string {
    return join(this.#directory, `${uid}.json`);
  }
}
