import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type NewMember, writeTar } from '../../archive/tar-writer.ts';
import { sliceSource } from '../../bytes/byte-source.ts';
import { compareMembers, memberFolders, memberNames } from '../../checkpoint/layout.ts';
import { withManifest } from '../../checkpoint/manifest.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { AtomicFile } from '../../localfs/atomic-file.ts';
import { openFileSource } from '../../localfs/file-source.ts';
import { sha256 } from '../../localfs/sha256.ts';
import type { Captured } from './checkpoint-capture.ts';
import { bindMounts, captureFacts, configDump, json, readSpec } from './checkpoint-metadata.ts';
import type { Deadline } from './deadline.ts';
import type { CriuOptions } from './oci-runtime.ts';
import type { RuntimePaths } from './paths.ts';
import { spaceError } from './space-error.ts';

/** A log is kept for whoever looks into the checkpoint; of a longer one, its end. */
const longestLogBytes = 16 << 20;

/** A file to be put into the archive under a name, or bytes. */
interface Part {
  name: string;
  path?: string;
  /** First byte and length, where only a part of the file is taken. */
  range?: { offset: number; length: number };
  bytes?: Uint8Array;
}

export interface WrittenArchive {
  /** Bytes of the archive. */
  bytes: number;
  /** Bytes of CRIU's images in it. */
  imageBytes: number;
}

/**
 * Writes the archive of one captured container straight from CRIU's folder: complete under its name, or not
 * there at all; readable by its owner alone. Sizes and digests of all members are recorded on the way.
 * @throws CodedError `not-found` when the folder does not exist, `resource-exhausted` for a full disk,
 *   `deadline-exceeded`, `cancelled`.
 */
export async function writeArchive(
  paths: RuntimePaths,
  captured: Captured,
  location: string,
  options: CriuOptions,
  deadline: Deadline,
): Promise<WrittenArchive> {
  const parts = await partsOf(paths, captured);
  const version = await captured.target.oci.version(deadline.call());
  const facts = await captureFacts(captured, options, version);
  const imageBytes = await imageBytesOf(captured);
  const file = await createAt(location);
  const { tell } = captured.target;
  let bytes = 0;
  try {
    tell?.({ stage: 'archiving', written: 0, estimated: imageBytes });
    const mtime = Math.floor(captured.frozenAt.getTime() / 1000);
    for await (const piece of writeTar(withManifest(membersOf(parts, mtime), facts, sha256))) {
      deadline.check();
      await file.write(piece);
      bytes += piece.length;
      tell?.({ stage: 'archiving', written: bytes, estimated: Math.max(imageBytes, bytes) });
    }
    await file.commit();
  } catch (error) {
    await file.discard();
    throw spaceError(error);
  }
  return { bytes, imageBytes };
}

/** @throws CodedError `not-found` or the system's own error, in words. */
export async function createAt(location: string): Promise<AtomicFile> {
  try {
    return await AtomicFile.create(location);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw spaceError(error);
    throw new CodedError('not-found', `the folder ${dirname(location)} of the checkpoint does not exist`, {
      cause: message,
    });
  }
}

async function partsOf(paths: RuntimePaths, captured: Captured): Promise<Part[]> {
  const { target, images, work, devShm, logBytes } = captured;
  const spec = await readSpec(paths, target.container.id);
  const parts: Part[] = [
    { name: memberNames.configDump, bytes: configDump(captured) },
    { name: memberNames.specDump, bytes: json(spec) },
    { name: memberNames.bindMounts, bytes: await bindMounts(spec) },
    { name: memberNames.deletedFiles, bytes: json(captured.deleted) },
    { name: memberNames.rootfsDiff, path: captured.rootfsDiff },
    { name: memberNames.dumpLog, path: join(work, 'dump.log') },
    { name: memberNames.statsDump, path: join(work, 'stats-dump') },
  ];
  if (devShm !== undefined) parts.push({ name: memberNames.devShm, path: devShm });
  if (logBytes > 0) {
    const length = Math.min(logBytes, longestLogBytes);
    const range = { offset: logBytes - length, length };
    parts.push({ name: memberNames.containerLog, path: target.container.logPath, range });
  }
  for (const entry of await readdir(images, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    parts.push({ name: memberFolders.images + entry.name, path: join(images, entry.name) });
  }
  return parts;
}

async function* membersOf(parts: readonly Part[], mtime: number): AsyncGenerator<NewMember> {
  const folder = memberFolders.images;
  const sorted = [...parts].sort((a, b) => compareMembers(a.name, b.name));
  let opened = false;
  for (const { name, path, range, bytes } of sorted) {
    if (!opened && name.startsWith(folder)) {
      opened = true;
      yield { name: folder, type: 'directory', mtime };
    }
    if (path === undefined) {
      yield { name, content: bytes ?? new Uint8Array(0), mtime };
      continue;
    }
    // Small files are read at once, so that a folder of thousands needs no descriptor each.
    if (range === undefined && (await stat(path)).size <= 1 << 16) {
      yield { name, content: await readFile(path), mtime };
      continue;
    }
    const source = await openFileSource(path);
    try {
      yield { name, content: range ? sliceSource(source, range.offset, range.length) : source, mtime };
    } finally {
      await source.close();
    }
  }
}

async function imageBytesOf({ images }: Captured): Promise<number> {
  let total = 0;
  for (const name of await readdir(images)) total += (await stat(join(images, name))).size;
  return total;
}
