import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, messageOf } from '../../errors/coded-error.ts';
import { isTemporaryName, privateDirectory, writeFileAtomic } from '../../localfs/atomic-file.ts';
import { makeDirectories } from '../../localfs/make-directories.ts';

const recordFile = 'record.json';
const mostBytes = 8 << 20;

/**
 * Records of one kind: one folder each below `directory`, by id, with its record in `record.json`. What is in
 * memory is what is on disk: a change counts when it is durable.
 */
export class RecordStore<R extends { id: string; createdAt: bigint }> {
  readonly #directory: string;
  readonly #what: string;
  readonly #encode: (record: R) => Uint8Array;
  readonly #records: Map<string, R>;

  private constructor(directory: string, what: string, encode: (record: R) => Uint8Array, found: R[]) {
    this.#directory = directory;
    this.#what = what;
    this.#encode = encode;
    this.#records = new Map(found.map((record) => [record.id, record]));
  }

  /**
   * Reads what is there. A folder without a record is what a killed process had not finished: `clean` is asked
   * to undo whatever it may hold before it is removed. A record that cannot be read is left and named in `log`.
   */
  static async open<R extends { id: string; createdAt: bigint }>(options: {
    directory: string;
    what: string;
    encode: (record: R) => Uint8Array;
    decode: (text: string) => R;
    clean: (id: string) => Promise<void>;
    log: (line: string) => void;
  }): Promise<RecordStore<R>> {
    const { directory, what, log } = options;
    await makeDirectories(directory, privateDirectory);
    const found: R[] = [];
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (!entry.isDirectory() || !isId(entry.name)) continue;
      const folder = join(directory, entry.name);
      try {
        const record = await readRecord(folder, options.decode);
        if (record === undefined) {
          await options.clean(entry.name);
          await rm(folder, { recursive: true, force: true });
        } else if (record.id === entry.name) found.push(record);
        else log(`${what} ${entry.name}: its record is that of ${record.id}; it is left alone`);
      } catch (error) {
        log(`${what} ${entry.name}: ${messageOf(error)}; it is left alone`);
      }
    }
    return new RecordStore(directory, what, options.encode, found);
  }

  /** Oldest first. */
  all(): R[] {
    return [...this.#records.values()].sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  }

  /** @throws CodedError `not-found`, `invalid-argument` when the beginning of an id fits several. */
  get(id: string): R {
    const record = this.find(id);
    if (record !== undefined) return record;
    throw new CodedError('not-found', `no ${this.#what} has the id ${JSON.stringify(id)}`, { data: { id } });
  }

  /** As `get`, but nothing where there is none. */
  find(id: string): R | undefined {
    const exact = this.#records.get(id);
    if (exact !== undefined || id === '') return exact;
    const fitting = [...this.#records.values()].filter((record) => record.id.startsWith(id));
    if (fitting.length > 1) {
      throw new CodedError('invalid-argument', `several ${this.#what} ids begin with ${JSON.stringify(id)}`);
    }
    return fitting[0];
  }

  /** @param change What is new in it: nobody sees it in the record before it is durable. */
  async save(record: R, change: Partial<R> = {}): Promise<void> {
    const bytes = this.#encode({ ...record, ...change });
    await writeFileAtomic(join(this.#directory, record.id, recordFile), bytes);
    this.#records.set(record.id, Object.assign(record, change));
  }

  /** Forgets the record first, so that what is killed in between is cleaned at the next start. */
  async remove(id: string): Promise<void> {
    const folder = join(this.#directory, id);
    await rm(join(folder, recordFile), { force: true });
    this.#records.delete(id);
    await rm(folder, { recursive: true, force: true });
  }
}

function isId(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}

async function readRecord<R>(folder: string, decode: (text: string) => R): Promise<R | undefined> {
  const path = join(folder, recordFile);
  for (const name of await readdir(folder)) if (isTemporaryName(name)) await rm(join(folder, name));
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (info === undefined) return undefined;
  if (info.size > mostBytes) throw new CodedError('corrupt', `its record has ${info.size} bytes`);
  return decode(await readFile(path, 'utf8'));
}
