import type { ByteSource } from '../bytes/byte-source.ts';
import type { FileTable } from '../criu/file-table.ts';
import type { MmEntry } from '../gen/criu/memory.ts';
import { buildIdText } from './build-id.ts';
import type { MappedRange } from './memory-map.ts';

/** A mapped file, as CRIU described it. */
export interface MappedFile {
  /** In the container. */
  readonly path: string;
  /** In bytes at the checkpoint; undefined where the images do not say. */
  readonly size: number | undefined;
  /** The build id that its linker gave it, in hexadecimal. */
  readonly buildId: string | undefined;
}

/** The files that a process has mapped, each opened once, when a map of it is wanted. */
export class MappedFiles {
  readonly #table: FileTable;
  readonly #ids: ReadonlyMap<bigint, number>;
  readonly #openFile: ((file: MappedFile) => Promise<ByteSource | undefined>) | undefined;
  readonly #opened = new Map<number, Promise<ByteSource | undefined>>();

  constructor(
    table: FileTable,
    { vmas }: MmEntry,
    openFile?: (file: MappedFile) => Promise<ByteSource | undefined>,
  ) {
    this.#table = table;
    this.#ids = new Map(vmas.map(({ start, shmid }) => [start, Number(shmid)]));
    this.#openFile = openFile;
  }

  /** The file of a map, or undefined where nobody has it. */
  open({ start }: MappedRange): Promise<ByteSource | undefined> {
    const id = this.#ids.get(start) ?? -1;
    const reg = this.#table.get(id)?.reg;
    if (!reg || !this.#openFile) return Promise.resolve(undefined);
    const known = this.#opened.get(id);
    if (known) return known;
    const { name, size, build_id } = reg;
    const opened = this.#openFile({
      path: name,
      size: size === undefined ? undefined : Number(size),
      buildId: build_id.length > 0 ? buildIdText(build_id) : undefined,
    });
    this.#opened.set(id, opened);
    return opened;
  }

  async close(): Promise<void> {
    for (const file of this.#opened.values()) await (await file.catch(() => undefined))?.close();
    this.#opened.clear();
  }
}
