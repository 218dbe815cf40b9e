import type { ArchiveLimits } from '../archive/limits.ts';
import type { MemberType } from '../archive/tar-header.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import { CodedError } from '../errors/coded-error.ts';

/** A regular file in a checkpoint. */
export interface Member {
  /** Without leading `./`; the names are in `layout.ts`. */
  readonly name: string;
  /** Bytes of content. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** Anything as it stands in the container of the checkpoint, for those who judge it. */
export interface RawMember {
  readonly name: string;
  readonly type: MemberType;
  readonly size: number;
  readonly linkName: string;
  readonly mode: number;
}

/** All members of a checkpoint. */
export interface MemberList {
  /** Regular files, each name once, in the order of the archive. */
  readonly files: readonly Member[];
  /** Everything, links, folders, devices and replaced duplicates included, names as they stand. */
  readonly raw: readonly RawMember[];
  get(name: string): Member | undefined;
}

/** `length` bytes from `offset` of a member. */
export interface MemberRange {
  readonly offset: number;
  readonly length: number;
}

/** What to keep of a member: all of it, some ranges, or nothing. */
export type Keep = 'all' | readonly MemberRange[] | undefined;

/**
 * What an analysis is going to ask for, so that a compressed archive can be read once.
 */
export interface Wanted {
  /**
   * Members to keep whole. When `keep` is not given, reading stops as soon as all of them were seen, where it is
   * known already which of several members of one name is the last.
   */
  names?: readonly string[];
  /**
   * Asked for each member as it passes, in the order of the archive; `kept` gives members kept so far, so that
   * a page map that has passed can say which ranges of the pages to keep. With it, the archive is read to its
   * end.
   */
  keep?: (member: Member, kept: (name: string) => Uint8Array | undefined) => Keep;
}

/** A member as {@link Checkpoint.stream} gives it: take its content before the next one, or not at all. */
export interface StreamedFile {
  readonly member: Member;
  content(): AsyncIterable<Uint8Array>;
}

export interface ReadOptions {
  /** The most bytes to read into memory; the limit of the archive for metadata where it is left out. */
  limit?: number;
  signal?: AbortSignal | undefined;
}

/**
 * An immutable, lazy view of one checkpoint, whatever it is stored in. Nothing is read before it is asked for,
 * nothing is unpacked. Names match exactly; only regular files have content.
 *
 * Where the members can be reached at random (`sequential` is false), every call costs what it reads. Where
 * they cannot (a compressed archive), `prepare` says beforehand what is wanted and one pass serves all of it;
 * whatever was not announced still works and costs passes.
 *
 * All methods fail with a CodedError: `corrupt` for what is malformed, cut off or altered, `not-found` for a
 * member that is not there, `resource-exhausted` beyond the limits.
 */
export interface Checkpoint {
  /** Where it comes from, for messages: a path, an image reference, `-`. */
  readonly origin: string;
  /** `checkpoint` directly, or how it is packed, for people: `tar`, `tar+gzip`, `directory`, `OCI image`. */
  readonly format: string;
  readonly sequential: boolean;
  /** What is accepted of it. */
  readonly limits: ArchiveLimits;

  /** Every member; a compressed archive is read to its end for it. */
  members(signal?: AbortSignal): Promise<MemberList>;

  /** The member of that name, or undefined. */
  find(name: string, signal?: AbortSignal): Promise<Member | undefined>;

  /** The content of a member in memory. */
  read(name: string, options?: ReadOptions): Promise<Uint8Array>;

  /** The content of a member as random-access bytes. Close it after use. */
  open(name: string, signal?: AbortSignal): Promise<ByteSource>;

  /**
   * Every regular file in the order of the archive; of several with one name the last that is given counts.
   * Hard links are not given a second time.
   */
  stream(signal?: AbortSignal): AsyncGenerator<StreamedFile, void, void>;

  /** Announces what will be asked for. Does nothing where that would not help. */
  prepare(wanted: Wanted, signal?: AbortSignal): Promise<void>;

  close(): Promise<void>;
}

/** The content of a member, or undefined where the checkpoint has none of that name. */
export async function readIfPresent(
  checkpoint: Checkpoint,
  name: string,
  options: ReadOptions = {},
): Promise<Uint8Array | undefined> {
  const member = await checkpoint.find(name, options.signal);
  return member && checkpoint.read(name, options);
}

export function missingMember(origin: string, name: string): CodedError {
  return new CodedError('not-found', `${origin} has no member ${JSON.stringify(name)}`, { data: { name } });
}

/** @throws CodedError `resource-exhausted` when a member is too big to be read into memory. */
export function checkMetadataSize(origin: string, member: Member, limit: number): void {
  if (member.size <= limit) return;
  throw new CodedError(
    'resource-exhausted',
    `${origin}: ${JSON.stringify(member.name)} has ${member.size} bytes, at most ${limit} are read into memory`,
    {
      data: { name: member.name, found: member.size, allowed: limit },
      hint: 'if the checkpoint can be trusted, raise the limit with --max-metadata-size',
    },
  );
}
