import { type ArchiveLimits, defaultLimits } from '../archive/limits.ts';
import { plainName } from '../archive/member-name.ts';
import { TarIndex } from '../archive/tar-index.ts';
import type { TarEntry } from '../archive/tar-parser.ts';
import { type StreamedMember, streamTar } from '../archive/tar-stream.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import {
  type Checkpoint,
  checkMetadataSize,
  type Keep,
  type Member,
  type MemberList,
  missingMember,
  type ReadOptions,
  type StreamedFile,
  type Wanted,
} from './checkpoint.ts';
import { forwardSource } from './forward-source.ts';
import { listOf, memberOf } from './from-tar.ts';
import { KeptMembers } from './kept-members.ts';

/**
 * Begins to read the unpacked bytes of the archive once more.
 * @param lend whether a piece is done with when the next one is asked for
 */
export type Reopen = (signal?: AbortSignal, lend?: boolean) => AsyncIterable<Uint8Array>;

export interface StreamCheckpointOptions {
  origin: string;
  /** For people: `tar+gzip`. */
  format: string;
  limits?: ArchiveLimits;
  /** Told the name of every member that a pass meets; throws where the archive is not what it was taken for. */
  refuse?: ((name: string) => void) | undefined;
  /** Releases what `reopen` reads from. */
  close?: () => Promise<void>;
}

/** Members up to this size are kept once it shows that the caller asks for one after the other. */
const smallMember = 1 << 20;

/**
 * A checkpoint in a compressed archive that cannot be reached at random. `prepare` gets everything that it
 * announces in one pass. The first pass goes to the end, since of several members of one name the last counts; a
 * later one, which knows them, ends as soon as it has seen what it wants.
 */
export function streamCheckpoint(reopen: Reopen, options: StreamCheckpointOptions): Checkpoint {
  return new StreamCheckpoint(reopen, options);
}

/** A member that a pass has met, and where. */
interface Seen {
  member: Member;
  headerOffset: number;
}

/** What one pass looks for. */
interface Pass {
  keep(member: Member): Keep;
  /** Whether the pass may end before the archive does. */
  enough(): boolean;
}

class StreamCheckpoint implements Checkpoint {
  readonly origin: string;
  readonly format: string;
  readonly sequential = true;
  readonly #reopen: Reopen;
  readonly limits: ArchiveLimits;
  readonly #release: () => Promise<void>;
  readonly #refuse: ((name: string) => void) | undefined;
  readonly #kept: KeptMembers;
  /** Members that some pass has seen; complete once there is an index. */
  readonly #seen = new Map<string, Seen>();
  #index: TarIndex | undefined;
  #list: MemberList | undefined;
  #passes = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(reopen: Reopen, options: StreamCheckpointOptions) {
    this.origin = options.origin;
    this.format = options.format;
    this.#reopen = reopen;
    this.limits = options.limits ?? defaultLimits;
    this.#refuse = options.refuse;
    this.#release = options.close ?? (async () => {});
    this.#kept = new KeptMembers(this.limits.keptBytes);
  }

  async members(signal?: AbortSignal): Promise<MemberList> {
    return this.#inTurn(async () => {
      const index = this.#index ?? (await this.#pass({ keep: () => undefined, enough: () => false }, signal));
      this.#list ??= listOf(index);
      return this.#list;
    });
  }

  async find(name: string, signal?: AbortSignal): Promise<Member | undefined> {
    if (!this.#index) await this.#fetch(name, signal);
    return this.#seen.get(name)?.member;
  }

  async read(name: string, { limit, signal }: ReadOptions = {}): Promise<Uint8Array> {
    const most = limit ?? this.limits.metadataBytes;
    const member = await this.find(name, signal);
    if (!member) throw missingMember(this.origin, name);
    checkMetadataSize(this.origin, member, most);
    if (!this.#kept.whole(name)) await this.#fetch(name, signal);
    const bytes = this.#kept.whole(name);
    if (bytes) return bytes;
    const source = await this.open(name, signal);
    try {
      return await source.read(0, member.size, signal);
    } finally {
      await source.close();
    }
  }

  async open(name: string, signal?: AbortSignal): Promise<ByteSource> {
    const member = await this.find(name, signal);
    if (!member) throw missingMember(this.origin, name);
    const rest = () => forwardSource(member.size, (again) => this.#contentOf(name, again));
    return this.#kept.source(name, async () => rest()) ?? rest();
  }

  async *stream(signal?: AbortSignal): AsyncGenerator<StreamedFile, void, void> {
    for await (const { entry, content } of this.#archive(signal)) {
      if (entry.type !== 'file') continue;
      yield { member: memberOf(plainName(entry.name), entry), content };
    }
  }

  async prepare(wanted: Wanted, signal?: AbortSignal): Promise<void> {
    const { keep } = wanted;
    const known = (name: string) => this.#kept.whole(name) || (this.#index && !this.#seen.has(name));
    const names = new Set((wanted.names ?? []).filter((name) => !known(name)));
    if (names.size === 0 && !keep) return;
    const missing = new Set(names);
    await this.#inTurn(() =>
      this.#pass(
        {
          keep: (member) => {
            missing.delete(member.name);
            if (names.has(member.name)) return 'all';
            return keep?.(member, (name) => this.#kept.whole(name));
          },
          enough: () => this.#index !== undefined && !keep && missing.size === 0,
        },
        signal,
      ),
    );
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#release();
  }

  /** Gets one member that nobody announced; from the second time on, everything small comes along. */
  #fetch(name: string, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#kept.whole(name) || (this.#index && !this.#seen.has(name))) return;
      const often = this.#passes > 0;
      await this.#pass(
        {
          keep: (member) => {
            const small = member.size <= (member.name === name ? this.limits.metadataBytes : smallMember);
            return small && (often || member.name === name) ? 'all' : undefined;
          },
          enough: () => false,
        },
        signal,
      );
    });
  }

  /** One pass at a time: two at once would unpack everything twice. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  /** The index of all that was met: of the whole archive, unless the pass had enough before its end. */
  async #pass(pass: Pass, signal?: AbortSignal): Promise<TarIndex> {
    this.#passes++;
    const entries: TarEntry[] = [];
    // What is kept is copied, so that all the rest can pass through the same memory.
    for await (const { entry, content } of this.#archive(signal, true)) {
      entries.push(entry);
      this.#refuse?.(plainName(entry.name));
      if (!this.#isReplaced(entry)) await this.#visit({ entry, content }, pass);
      if (pass.enough()) return new TarIndex(entries);
    }
    const index = new TarIndex(entries);
    this.#index = index;
    this.#seen.clear();
    for (const member of listOf(index).files) {
      this.#seen.set(member.name, { member, headerOffset: index.get(member.name)?.headerOffset ?? 0 });
    }
    return index;
  }

  /** Whether an earlier pass has shown that a later member of the same name counts instead of this one. */
  #isReplaced(entry: TarEntry): boolean {
    const last = this.#index?.get(plainName(entry.name));
    return last !== undefined && last.headerOffset !== entry.headerOffset;
  }

  async #visit({ entry, content }: StreamedMember, pass: Pass): Promise<void> {
    const name = plainName(entry.name);
    if (entry.type === 'file') {
      const member = memberOf(name, entry);
      this.#meet(member, entry);
      const keep = pass.keep(member);
      if (keep !== undefined && !this.#kept.whole(name)) await this.#kept.take(member, keep, content);
      return;
    }
    const target = entry.type === 'hardlink' ? this.#seen.get(plainName(entry.linkName)) : undefined;
    if (target) {
      const member = { ...target.member, name };
      this.#meet(member, entry);
      pass.keep(member);
      if (this.#isSame(name, target.member.name)) this.#kept.alias(name, target.member.name);
    } else {
      this.#seen.delete(name);
      this.#kept.forget(name);
    }
  }

  /** Whether a link stands for the member that its target's name stands for at the end of the archive, too. */
  #isSame(link: string, target: string): boolean {
    return this.#index === undefined || this.#index.content(link) === this.#index.content(target);
  }

  #meet(member: Member, { headerOffset }: TarEntry): void {
    const before = this.#seen.get(member.name);
    // Bytes kept of an earlier member of this name must not pass for this one's.
    if (before && before.headerOffset !== headerOffset) this.#kept.forget(member.name);
    this.#seen.set(member.name, { member, headerOffset });
  }

  async *#contentOf(name: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const wanted = this.#index?.content(name);
    for await (const { entry, content } of this.#archive(signal)) {
      if (entry.headerOffset !== wanted?.headerOffset) continue;
      yield* content();
      return;
    }
  }

  #archive(signal?: AbortSignal, lend = false): AsyncGenerator<StreamedMember, void, void> {
    return streamTar(this.#reopen(signal, lend), { limits: this.limits });
  }
}
