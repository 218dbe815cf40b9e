import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Compression, magicLength, refusePacking, sniffPacking } from '../archive/compression.ts';
import { framesSource } from '../archive/frames-source.ts';
import { writeFrames } from '../archive/frames-writer.ts';
import { type ArchiveLimits, defaultLimits } from '../archive/limits.ts';
import { readSeekTable } from '../archive/seek-table.ts';
import { indexTar, openEntry, type TarIndex } from '../archive/tar-index.ts';
import type { TarEntry } from '../archive/tar-parser.ts';
import { type NewMember, type TarMember, writeTar } from '../archive/tar-writer.ts';
import { type ByteSource, readChunks } from '../bytes/byte-source.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { CodedError } from '../errors/coded-error.ts';
import { AtomicFile, privateFile } from './atomic-file.ts';
import { codec } from './codec.ts';
import { openFileSource } from './file-source.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { spool } from './spool.ts';

export interface EditOptions {
  limits?: ArchiveLimits | undefined;
  signal?: AbortSignal | undefined;
  /** Told how many bytes have been written, of about how many. */
  onProgress?: (done: number, total: number) => void;
  /** Write the result there, private, and leave the archive alone. */
  output?: string | undefined;
}

/** What an edit sees of the archive: the content of a member in memory, or undefined where it is not there. */
export type ReadMember = (name: string) => Promise<Uint8Array | undefined>;

/**
 * Replaces the content of some members of the archive at `path`. Every other member stays byte for byte, in its
 * place; compression, permissions and owner stay. The file is replaced at once, after `verify` has agreed with
 * what is going to take its place; until then, and on every failure, the old one stands.
 * @param edit gives the new content by member name; an empty map leaves the file alone.
 * @returns whether anything was written.
 * @throws CodedError as reading does; `unsupported` for a packing that is not written; `busy` when somebody
 *   else changed the file meanwhile.
 */
export async function editArchive(
  path: string,
  edit: (read: ReadMember) => Promise<ReadonlyMap<string, Uint8Array>>,
  verify: (edited: Checkpoint) => Promise<void>,
  options: EditOptions = {},
): Promise<boolean> {
  const target = await realpath(path);
  const before = await stat(target);
  const { source, compression } = await openUnpacked(target, {
    ...options,
    directory: dirname(options.output ?? target),
  });
  try {
    const index = await indexTar(source, limitsAnd(options));
    const changes = await edit((name) => readMember(source, index, name, options));
    if (changes.size === 0) return false;
    const { output } = options;
    const file = await AtomicFile.create(
      output ?? target,
      output === undefined ? before.mode & 0o7777 : privateFile,
    );
    try {
      if (output === undefined) {
        await file.handle.chmod(before.mode & 0o7777);
        if (process.getuid?.() === 0) await file.handle.chown(before.uid, before.gid);
      }
      await writeEdited(file, membersOf(source, index, changes), compression, before.size, options);
      const edited = await openCheckpoint(file.temporaryPath, limitsAnd(options));
      await verify(edited).finally(() => edited.close());
      const now = await stat(target);
      if (now.ino !== before.ino || now.mtimeMs !== before.mtimeMs || now.size !== before.size) {
        throw new CodedError('busy', `${path} was changed by somebody else in the meantime`);
      }
    } catch (error) {
      await file.discard();
      throw error;
    }
    await file.commit();
    return true;
  } finally {
    await source.close();
  }
}

function limitsAnd({ limits = defaultLimits, signal }: EditOptions) {
  return { limits, signal };
}

/**
 * The archive without its compression, at random; a stream goes to a file without a name in `directory`, or beside
 * the archive.
 */
export async function openUnpacked(
  path: string,
  { limits = defaultLimits, signal, directory = dirname(path) }: EditOptions & { directory?: string },
): Promise<{ source: ByteSource; compression: Compression | 'none' }> {
  const stored = await openFileSource(path);
  try {
    const packing = sniffPacking(await stored.read(0, Math.min(magicLength, stored.size), signal));
    if (packing === 'none') return { source: stored, compression: packing };
    if (packing !== 'gzip' && packing !== 'zstd') throw refusePacking(path, packing);
    const frames = await readSeekTable(packing, stored, signal);
    if (frames) return { source: framesSource(stored, packing, frames, codec), compression: packing };
    const pieces = codec.decompress(packing, readChunks(stored, 1 << 18, signal), signal);
    const source = await spool(pieces, { origin: path, limit: limits.totalBytes, directory, signal });
    await stored.close();
    return { source, compression: packing };
  } catch (error) {
    await stored.close();
    throw error;
  }
}

async function readMember(
  source: ByteSource,
  index: TarIndex,
  name: string,
  { limits = defaultLimits, signal }: EditOptions,
): Promise<Uint8Array | undefined> {
  const entry = index.content(name);
  if (!entry) return undefined;
  if (entry.size > limits.metadataBytes) {
    throw new CodedError('resource-exhausted', `${JSON.stringify(name)} has ${entry.size} bytes`, {
      data: { name, found: entry.size, allowed: limits.metadataBytes },
      hint: 'if the checkpoint can be trusted, raise the limit with --max-metadata-size',
    });
  }
  return openEntry(source, entry).read(0, entry.size, signal);
}

function* membersOf(
  source: ByteSource,
  index: TarIndex,
  changes: ReadonlyMap<string, Uint8Array>,
): Generator<TarMember> {
  // Of several members with one name, and of hard links, the one that has the content is the one to replace.
  const replaced = new Map<TarEntry, Uint8Array>();
  for (const [name, content] of changes) {
    const entry = index.content(name);
    if (!entry) throw new CodedError('internal', `${name} is to be changed and is not in the archive`);
    replaced.set(entry, content);
  }
  for (const entry of index.entries) {
    const content = replaced.get(entry);
    yield content ? changed(entry, content) : { entry, from: source };
  }
}

function changed(entry: TarEntry, content: Uint8Array): NewMember {
  const { name, mode, mtime, uid, gid, userName, groupName, xattrs } = entry;
  return { name, mode, mtime: Math.floor(mtime), uid, gid, userName, groupName, xattrs, content };
}

async function writeEdited(
  file: AtomicFile,
  members: Iterable<TarMember>,
  compression: Compression | 'none',
  total: number,
  { signal, onProgress }: EditOptions,
): Promise<void> {
  let done = 0;
  const pieces =
    compression === 'none'
      ? writeTar(members, { signal })
      : writeFrames(members, { compression, codec, signal });
  for await (const piece of pieces) {
    await file.write(piece);
    done += piece.length;
    onProgress?.(done, Math.max(done, total));
  }
}
