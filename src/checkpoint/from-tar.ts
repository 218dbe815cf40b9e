import { type ArchiveLimits, defaultLimits } from '../archive/limits.ts';
import { plainName } from '../archive/member-name.ts';
import { indexTar, openEntry, type TarIndex } from '../archive/tar-index.ts';
import type { TarEntry } from '../archive/tar-parser.ts';
import { type ByteSource, readChunks } from '../bytes/byte-source.ts';
import {
  type Checkpoint,
  checkMetadataSize,
  type Member,
  type MemberList,
  missingMember,
  type ReadOptions,
  type StreamedFile,
} from './checkpoint.ts';

export interface TarCheckpointOptions {
  origin: string;
  /** For people; `tar` where it is left out. */
  format?: string;
  limits?: ArchiveLimits;
  /** As `indexTar` takes it. */
  readAhead?: number;
}

/**
 * A checkpoint in an uncompressed archive, reached at random: one index, then only what is asked for.
 * @param source owned from here on; closing the checkpoint closes it.
 */
export function tarCheckpoint(source: ByteSource, options: TarCheckpointOptions): Checkpoint {
  return new TarCheckpoint(source, options);
}

class TarCheckpoint implements Checkpoint {
  readonly origin: string;
  readonly format: string;
  readonly sequential = false;
  readonly #source: ByteSource;
  readonly limits: ArchiveLimits;
  readonly #readAhead: number | undefined;
  #index: Promise<TarIndex> | undefined;
  #list: MemberList | undefined;

  constructor(source: ByteSource, options: TarCheckpointOptions) {
    this.#source = source;
    this.limits = options.limits ?? defaultLimits;
    this.#readAhead = options.readAhead;
    this.origin = options.origin;
    this.format = options.format ?? 'tar';
  }

  #indexed(signal?: AbortSignal): Promise<TarIndex> {
    this.#index ??= indexTar(this.#source, {
      limits: this.limits,
      readAhead: this.#readAhead,
      signal,
    }).catch((error: unknown) => {
      // A reading that was called off must not be remembered as the state of the archive.
      this.#index = undefined;
      throw error;
    });
    return this.#index;
  }

  async members(signal?: AbortSignal): Promise<MemberList> {
    const index = await this.#indexed(signal);
    this.#list ??= listOf(index);
    return this.#list;
  }

  async find(name: string, signal?: AbortSignal): Promise<Member | undefined> {
    const entry = (await this.#indexed(signal)).content(name);
    return entry && memberOf(name, entry);
  }

  async read(name: string, { limit, signal }: ReadOptions = {}): Promise<Uint8Array> {
    const member = await this.find(name, signal);
    if (!member) throw missingMember(this.origin, name);
    checkMetadataSize(this.origin, member, limit ?? this.limits.metadataBytes);
    const source = await this.open(name, signal);
    return source.read(0, member.size, signal);
  }

  async open(name: string, signal?: AbortSignal): Promise<ByteSource> {
    const entry = (await this.#indexed(signal)).content(name);
    if (!entry) throw missingMember(this.origin, name);
    return openEntry(this.#source, entry);
  }

  async *stream(signal?: AbortSignal): AsyncGenerator<StreamedFile, void, void> {
    const index = await this.#indexed(signal);
    for (const entry of index.entries) {
      const name = plainName(entry.name);
      if (entry.type !== 'file' || index.content(name) !== entry) continue;
      const content = () => readChunks(openEntry(this.#source, entry), 1 << 20, signal);
      yield { member: memberOf(name, entry), content };
    }
  }

  async prepare(): Promise<void> {}

  close(): Promise<void> {
    return this.#source.close();
  }
}

export function memberOf(name: string, entry: TarEntry): Member {
  return { name, size: entry.size, mode: entry.mode, mtime: entry.mtime };
}

/** What an index lists, as every checkpoint does. */
export function listOf(index: TarIndex): MemberList {
  const byName = new Map<string, Member>();
  for (const name of index.names()) {
    const entry = index.content(name);
    if (entry) byName.set(name, memberOf(name, entry));
  }
  return {
    files: [...byName.values()],
    raw: index.entries,
    get: (name) => byName.get(name),
  };
}
