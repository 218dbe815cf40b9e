import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Compression } from '../archive/compression.ts';
import { defaultLimits } from '../archive/limits.ts';
import { type ByteSource, bytesSource } from '../bytes/byte-source.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { tarCheckpoint } from '../checkpoint/from-tar.ts';
import { memberFolders, memberNames } from '../checkpoint/layout.ts';
import { validateMembers } from '../checkpoint/validate.ts';
import { requireIntact } from '../checkpoint/verify-digests.ts';
import { imageName } from '../conversion/annotations.ts';
import { imageId } from '../conversion/config-dump.ts';
import { type ConversionNote, type ConversionOptions, engineNames } from '../conversion/conversion.ts';
import { beforeConversion, isOrigin } from '../conversion/origin.ts';
import { diffForm, planConversion } from '../conversion/plan.ts';
import { convertDiff, holdsFiles } from '../conversion/rootfs-diff.ts';
import { type ConversionSource, type ReadSmall, readSource } from '../conversion/source.ts';
import { CodedError } from '../errors/coded-error.ts';
import { bundleCheckpoint } from './bundle-checkpoint.ts';
import { openUnpacked } from './edit-archive.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { packedDiff, plainDiff } from './plain-diff.ts';
import { sha256, sha256Of } from './sha256.ts';
import { spool } from './spool.ts';
import { type ConversionWork, type WriteOptions, writeConverted } from './write-converted.ts';

export interface ConvertOptions extends ConversionOptions, WriteOptions {
  /** Compression of the result; containerd takes none. */
  compression?: Compression | 'none';
  /** The path is a folder of CRIU's images, and this the bundle that crun or runc ran the container from. */
  bundle?: string | undefined;
  /** Asked for the id of an image where the target needs it and the archive does not tell. */
  findImageId?: (image: string) => Promise<string | undefined>;
}

export interface Converted {
  /** Who made the archive first. */
  from: string;
  to: string;
  container: string;
  image: string;
  /** The program that made the images. */
  runtime: string;
  notes: readonly ConversionNote[];
}

/**
 * Writes the archive at `path` as one that `options.target` restores. CRIU's images are taken over byte by byte,
 * but for crun's name of an empty folder in the table of mounts. The result appears when it is complete and was
 * read again; it is readable by its owner alone.
 * @throws CodedError as reading does; `corrupt` where digests differ from those at capture; `unsupported`.
 */
export async function convertArchive(
  path: string,
  output: string,
  options: ConvertOptions,
): Promise<Converted> {
  await refuseSame(path, output);
  const checkpoint = await openAtRandom(path, dirname(output), options);
  const closing: ByteSource[] = [];
  try {
    await requireSound(checkpoint, options);
    const work = await prepare(checkpoint, dirname(output), options, closing);
    await writeConverted(work, output, options);
    const { identity, program } = work.source;
    return {
      from: options.bundle === undefined ? identity.engine : (program ?? 'a bundle'),
      to: engineNames[options.target],
      container: options.name ?? identity.name,
      image: options.image ?? (identity.image || identity.imageRequested),
      runtime: program ?? '',
      notes: work.notes,
    };
  } finally {
    for (const source of closing) await source.close();
    await checkpoint.close();
  }
}

async function refuseSame(path: string, output: string): Promise<void> {
  const there = await realpath(output).catch(() => undefined);
  if (there === undefined || there !== (await realpath(path).catch(() => undefined))) return;
  throw new CodedError('invalid-argument', `${output} is the archive that is to be converted`, {
    hint: 'write to another file with -o',
  });
}

/** Metadata is read here and there, and the images once more: a stream is unpacked first. */
async function openAtRandom(path: string, directory: string, options: ConvertOptions): Promise<Checkpoint> {
  const { limits = defaultLimits, signal, bundle, name, image } = options;
  if (bundle !== undefined) return bundleCheckpoint(path, { bundle, name, image, limits });
  const checkpoint = await openCheckpoint(path, { limits, signal });
  if (!checkpoint.sequential) return checkpoint;
  await checkpoint.close();
  const { source } = await openUnpacked(path, { limits, signal, directory });
  return tarCheckpoint(source, { origin: path, limits });
}

async function requireSound(checkpoint: Checkpoint, { signal }: ConvertOptions): Promise<void> {
  const { raw } = await checkpoint.members(signal);
  const danger = validateMembers(raw).find(({ severity }) => severity === 'error');
  if (danger) {
    throw new CodedError(
      'corrupt',
      `${checkpoint.origin}: ${JSON.stringify(danger.name)}: ${danger.detail}; it is not converted`,
    );
  }
  if (raw.some(({ name }) => name === `${memberFolders.images}parent`)) {
    throw new CodedError('unsupported', `${checkpoint.origin} builds on an earlier checkpoint, not in it`);
  }
  if (await checkpoint.find(memberNames.manifest, signal))
    await requireIntact(checkpoint, sha256, { signal });
}

async function prepare(
  checkpoint: Checkpoint,
  directory: string,
  options: ConvertOptions,
  closing: ByteSource[],
): Promise<ConversionWork & { notes: readonly ConversionNote[] }> {
  const { limits = defaultLimits, signal, target } = options;
  const now: ReadSmall = async (name) =>
    (await checkpoint.find(name, signal)) && checkpoint.read(name, { limit: limits.metadataBytes, signal });
  const before = await beforeConversion(now, sha256Of);
  const notes: ConversionNote[] = [];
  if (options.bundle !== undefined) {
    const detail =
      'it must hold the root file system as it was at the checkpoint: a bundle keeps no changes apart';
    notes.push({ kind: 'needed', about: 'image', detail });
  }
  if (before === 'changed') {
    const detail = 'it was changed after an earlier conversion: what it says now counts';
    notes.push({ kind: 'changed', about: checkpoint.origin, detail });
  }
  const read = typeof before === 'object' ? before.read : now;
  const source = await readSource(read, checkpoint.origin);
  const wishes = await withImageId(source, options);
  const work = { directory, limits, signal, origin: checkpoint.origin };
  const plain = await plainDiff(checkpoint, work, closing);
  const form = diffForm[target];
  const deletedNow = before === undefined ? source.deleted : await deletedIn(now, checkpoint.origin);
  const made =
    plain || deletedNow.length > 0
      ? await convertDiff(plain ?? bytesSource(new Uint8Array(1024)), deletedNow, form.deletedInTar, {
          limits,
          signal,
        })
      : undefined;
  const pieces = made && (form.packed ? packedDiff(made.pieces) : made.pieces);
  const diff = pieces && (await spool(pieces, { ...work, limit: limits.totalBytes }));
  if (diff) closing.push(diff);
  const names = (await checkpoint.members(signal)).files.map(({ name }) => name);
  const plan = await planConversion({
    ...{ source, read, options: wishes },
    names: names.filter((name) => !isOrigin(name)),
    changed: typeof before === 'object' ? before.origin.kept : [],
    deleted: made?.deleted ?? [],
  });
  notes.push(...(made?.notes ?? []), ...(await sharedMemory(checkpoint, options)), ...plan.notes);
  return { checkpoint, source, plan, diff, notes };
}

/** Podman needs the id; where the archive does not tell, somebody else may know. */
async function withImageId(source: ConversionSource, options: ConvertOptions): Promise<ConvertOptions> {
  if (options.target !== 'podman' || imageId(source, options) !== '') return options;
  const found = await options.findImageId?.(imageName(source, options));
  return found === undefined ? options : { ...options, imageId: found };
}

/** The list that goes with the tar of changes as both are now. */
async function deletedIn(read: ReadSmall, origin: string): Promise<readonly string[]> {
  return (await readSource(read, origin)).deleted;
}

/** Only Podman and stasis put the content of /dev/shm back. */
async function sharedMemory(checkpoint: Checkpoint, options: ConvertOptions): Promise<ConversionNote[]> {
  const { limits = defaultLimits, signal, target } = options;
  const name = memberNames.devShm;
  if (target === 'podman' || target === 'stasis' || !(await checkpoint.find(name, signal))) return [];
  const tar = await checkpoint.open(name, signal);
  try {
    if (!(await holdsFiles(tar, { limits, signal }))) return [];
    const detail = `${engineNames[target]} does not put the files in /dev/shm back`;
    return [{ kind: 'lost', about: name, detail }];
  } finally {
    await tar.close();
  }
}
