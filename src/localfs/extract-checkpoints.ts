import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Compression } from '../archive/compression.ts';
import { writeFrames } from '../archive/frames-writer.ts';
import { type NewMember, writeTar } from '../archive/tar-writer.ts';
import { readChunks } from '../bytes/byte-source.ts';
import { CodedError } from '../errors/coded-error.ts';
import { checkpointedPodsFile, podArchiveName } from '../kubeletstate/checkpointed-pods.ts';
import { AtomicFile } from './atomic-file.ts';
import type { CheckpointsDirectory } from './checkpoints-directory.ts';
import { codec } from './codec.ts';
import { openFileSource } from './file-source.ts';

export interface ExtractOptions {
  compression: Compression | 'none';
  signal?: AbortSignal | undefined;
  /** Told how many bytes of how many have been read. */
  onProgress?: (done: number, total: number) => void;
}

/** Says which archive of a list is not there. */
export class MissingArchive extends CodedError {
  readonly path: string;

  constructor(path: string, cause: unknown) {
    super('not-found', `the archive ${path} cannot be read`, { cause, data: { path } });
    this.path = path;
  }
}

/**
 * Writes the list of checkpointed pods and all archives that it names into one archive at `output`: the list
 * first, then each archive once, owners, permissions and times kept. The file is private and appears only when
 * it is complete; one that is there is replaced.
 * @throws MissingArchive; CodedError `invalid-argument` for a SandboxID that names no file.
 */
export async function extractCheckpoints(
  directory: CheckpointsDirectory,
  sandboxIds: readonly string[],
  output: string,
  options: ExtractOptions,
): Promise<void> {
  const { compression, signal } = options;
  const members = await extractedMembers(directory, sandboxIds, options);
  const pieces =
    compression === 'none'
      ? writeTar(members, { signal })
      : writeFrames(members, { compression, codec, signal });
  const file = await AtomicFile.create(output);
  try {
    for await (const piece of pieces) await file.write(piece);
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.commit();
}

/** The members of that archive; the files are opened as they are read, and all of them have been looked at. */
export async function extractedMembers(
  directory: CheckpointsDirectory,
  sandboxIds: readonly string[],
  { signal, onProgress }: Omit<ExtractOptions, 'compression'>,
): Promise<NewMember[]> {
  const names = [checkpointedPodsFile, ...new Set(sandboxIds.map(podArchiveName))];
  const files: SourceFile[] = [];
  for (const name of names) files.push(await lookAt(directory, name));
  const total = files.reduce((sum, { header }) => sum + header.size, 0);
  let done = 0;
  const contentOf = async function* (path: string): AsyncGenerator<Uint8Array> {
    const source = await openFileSource(path);
    try {
      for await (const piece of readChunks(source, 1 << 20, signal)) {
        yield piece;
        done += piece.length;
        onProgress?.(done, total);
      }
    } finally {
      await source.close();
    }
  };
  return files.map(({ path, header }): NewMember => ({ ...header, content: contentOf(path) }));
}

interface SourceFile {
  path: string;
  header: Omit<NewMember, 'content'> & { size: number };
}

/** A file to take, without opening it yet: there may be more of them than can be open at once. */
async function lookAt(directory: CheckpointsDirectory, name: string): Promise<SourceFile> {
  const path = name === checkpointedPodsFile ? directory.listPath : join(directory.path, name);
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new CodedError('invalid-argument', `${path} is not a regular file`);
    const { mode, uid, gid, size, mtimeMs } = found;
    return { path, header: { name, mode: mode & 0o7777, uid, gid, size, mtime: Math.floor(mtimeMs / 1000) } };
  } catch (error) {
    throw new MissingArchive(path, error);
  }
}
