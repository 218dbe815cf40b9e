import { type ArchiveLimits, defaultLimits } from '../archive/limits.ts';
import { type ByteSource, readChunks } from '../bytes/byte-source.ts';
import {
  type Checkpoint,
  checkMetadataSize,
  type Member,
  type MemberList,
  missingMember,
  type RawMember,
  type ReadOptions,
  type StreamedFile,
} from './checkpoint.ts';

/** Members that can be listed and opened one by one: files of a directory, objects in a store. */
export interface Files {
  list(signal?: AbortSignal): Promise<{ files: readonly Member[]; raw: readonly RawMember[] }>;
  open(member: Member, signal?: AbortSignal): Promise<ByteSource>;
  close(): Promise<void>;
}

export interface FilesOptions {
  origin: string;
  /** For people: `directory`. */
  format: string;
  limits?: ArchiveLimits;
}

/** A checkpoint whose members are files of their own. */
export function filesCheckpoint(files: Files, options: FilesOptions): Checkpoint {
  const { origin, format, limits = defaultLimits } = options;
  let listed: Promise<MemberList> | undefined;

  function members(signal?: AbortSignal): Promise<MemberList> {
    listed ??= files.list(signal).then(
      (list) => {
        const byName = new Map(list.files.map((member) => [member.name, member]));
        return { ...list, get: (name: string) => byName.get(name) };
      },
      (error: unknown) => {
        listed = undefined;
        throw error;
      },
    );
    return listed;
  }

  async function existing(name: string, signal?: AbortSignal): Promise<Member> {
    const member = (await members(signal)).get(name);
    if (!member) throw missingMember(origin, name);
    return member;
  }

  const checkpoint: Checkpoint = {
    origin,
    format,
    sequential: false,
    limits,
    members,
    find: async (name, signal) => (await members(signal)).get(name),
    async read(name, { limit, signal }: ReadOptions = {}) {
      const member = await existing(name, signal);
      checkMetadataSize(origin, member, limit ?? limits.metadataBytes);
      const source = await files.open(member, signal);
      try {
        return await source.read(0, member.size, signal);
      } finally {
        await source.close();
      }
    },
    open: async (name, signal) => files.open(await existing(name, signal), signal),
    async *stream(signal): AsyncGenerator<StreamedFile, void, void> {
      for (const member of (await members(signal)).files) {
        yield { member, content: () => contentOf(files, member, signal) };
      }
    },
    async prepare() {},
    close: () => files.close(),
  };
  return checkpoint;
}

async function* contentOf(files: Files, member: Member, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const source = await files.open(member, signal);
  try {
    yield* readChunks(source, 1 << 20, signal);
  } finally {
    await source.close();
  }
}
