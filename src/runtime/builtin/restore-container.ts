import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { tcpClose } from '../../api/cri-options.ts';
import { utf8 } from '../../bytes/text.ts';
import { CodedError, isCoded, messageOf } from '../../errors/coded-error.ts';
import type { ContainerConfig } from '../../gen/cri/v1/api_pb.ts';
import { explainLog, longestLog } from '../../inspect/dump-log.ts';
import { privateDirectory, writeFileAtomic } from '../../localfs/atomic-file.ts';
import { openFileSource } from '../../localfs/file-source.ts';
import { json, readSpec } from './checkpoint-metadata.ts';
import { openScratch } from './checkpoint-scratch.ts';
import { criuFacts } from './criu.ts';
import { Deadline } from './deadline.ts';
import type { BuiltinRuntime } from './hooks.ts';
import type { CriuOptions } from './oci-runtime.ts';
import {
  containerDirectory,
  criuConfiguration,
  restoreDirectory,
  rootfsDirectories,
  runtimeState,
} from './paths.ts';
import type { ContainerImage, ContainerRecord, SandboxRecord } from './records.ts';
import { type UnpackedArchive, unpackArchive } from './restore-archive.ts';
import { externalMounts, renameExternalMounts, rootMode } from './restore-images.ts';
import { restoreSpec } from './restore-spec.ts';
import { applyRootfsDiff } from './rootfs-diff.ts';
import { unpackMissing } from './shared-memory.ts';

/** Annotation on the new container that names the image to restore on, where the checkpoint's is not to be had. */
export const imageAnnotation = 'stasis.dev/restore-image';

/** Unpacking and comparing gigabytes takes time; a hang does not get more than this. */
const defaultMs = 600_000;

/**
 * CRI's CreateContainer for a checkpoint archive in place of an image: the archive is checked and unpacked, the
 * container is CREATED, StartContainer resumes it.
 * @param config `image.image` is the archive's absolute path; mounts must cover those of the checkpoint.
 * @throws CodedError `corrupt` naming the member, `not-found` for the image, `failed-precondition`, `unsupported`.
 */
export async function createFromArchive(
  runtime: BuiltinRuntime,
  sandbox: SandboxRecord,
  config: ContainerConfig,
  signal: AbortSignal,
): Promise<ContainerRecord> {
  const archive = config.image?.image ?? '';
  const name = config.metadata?.name ?? '';
  const deadline = new Deadline(`restoring container ${name}`, defaultMs, signal);
  await criuFacts('criu', deadline.call());
  const scratch = await openScratch(runtime.paths);
  try {
    const unpacked = await unpackArchive(archive, scratch.path, deadline);
    return await createRestored(runtime, sandbox, config, unpacked, deadline);
  } finally {
    await scratch.close();
  }
}

/**
 * Makes the container for an unpacked archive.
 * @param unpacked Its images are moved away.
 * @param closeConnections Restore connections that were open closed.
 */
export async function createRestored(
  runtime: BuiltinRuntime,
  sandbox: SandboxRecord,
  config: ContainerConfig,
  unpacked: UnpackedArchive,
  deadline: Deadline,
  closeConnections = config.annotations[tcpClose] === 'true',
): Promise<ContainerRecord> {
  const image = await imageFor(runtime, config, unpacked);
  const oci = runtime.ociRuntimeOf(sandbox);
  // The bundle needs a command, and the checkpoint alone knows it.
  const { args } = unpacked.spec.process;
  const described = config.command.length > 0 ? config : { ...config, command: [...args] };
  const restore = {
    images: '',
    archive: unpacked.origin,
    options: [...oci.restoreFlags({ ...optionsOf(unpacked), tcpClose: closeConnections })],
  };
  const prepare = async (container: ContainerRecord): Promise<void> => {
    container.config = config;
    const images = restoreDirectory(runtime.paths, container.id);
    await writeBundle(runtime, sandbox, container, unpacked);
    await applyFiles(runtime, sandbox, container, unpacked, deadline);
    await matchMounts(runtime, sandbox, container, unpacked);
    if (closeConnections) await writeFileAtomic(criuConfiguration(runtime.paths, container.id), closing);
    await rename(unpacked.images, images);
    container.restore = { ...restore, images };
  };
  return runtime.createContainer(
    sandbox,
    described,
    { image, restore, prepare },
    deadline.signal ?? new AbortController().signal,
  );
}

/** For runc, which has no flag for it. */
const closing = utf8('tcp-close\n');

/** As it was captured; archives of other programs may hold connections and locks. */
function optionsOf({ manifest }: UnpackedArchive): CriuOptions {
  const captured = manifest?.capture['options'] as Partial<CriuOptions> | undefined;
  return {
    tcpEstablished: captured?.tcpEstablished ?? true,
    fileLocks: captured?.fileLocks ?? true,
    extUnixSk: captured?.extUnixSk ?? false,
    shellJob: captured?.shellJob ?? false,
  };
}

async function imageFor(
  runtime: BuiltinRuntime,
  config: ContainerConfig,
  { identity, manifest, origin }: UnpackedArchive,
): Promise<ContainerImage> {
  const wanted = config.annotations[imageAnnotation] ?? '';
  const id = manifest?.capture['imageId'];
  const recorded = [
    typeof id === 'string' ? id : '',
    identity.imageRef,
    identity.image,
    identity.imageRequested,
  ];
  const names = wanted === '' ? recorded : [wanted];
  for (const name of new Set(names.filter((each) => each !== ''))) {
    try {
      return await runtime.resolveImage(name);
    } catch (error) {
      if (!isCoded(error, 'not-found') && !isCoded(error, 'invalid-argument')) throw error;
    }
  }
  const image = names.find((each) => each !== '') ?? 'of unknown name';
  throw new CodedError(
    'not-found',
    `restoring ${origin}: the image ${identity.image || image} on which the container ran is not here`,
    { hint: `pull it first, or name another with the annotation ${imageAnnotation}` },
  );
}

async function writeBundle(
  runtime: BuiltinRuntime,
  sandbox: SandboxRecord,
  container: ContainerRecord,
  unpacked: UnpackedArchive,
): Promise<void> {
  const folder = containerDirectory(runtime.paths, container.id);
  const own = await readSpec(runtime.paths, container.id);
  const made = restoreSpec({ own, archived: unpacked.spec, folder });
  for (const path of made.emptyFiles) await (await open(path, 'a', 0o644)).close();
  container.notes.push(...made.notes);
  const { user } = made.spec.process;
  container.user = { uid: user.uid, gid: user.gid, groups: user.additionalGids ?? [] };
  const annotations = { ...made.spec.annotations, 'io.kubernetes.cri.sandbox-id': sandbox.id };
  await writeFileAtomic(join(folder, 'config.json'), json({ ...made.spec, annotations }));
}

async function applyFiles(
  runtime: BuiltinRuntime,
  sandbox: SandboxRecord,
  container: ContainerRecord,
  unpacked: UnpackedArchive,
  deadline: Deadline,
): Promise<void> {
  const { rootfsDiff, devShm, deleted } = unpacked;
  const source = rootfsDiff === undefined ? undefined : await openFileSource(rootfsDiff);
  try {
    const { paths } = runtime;
    container.notes.push(...(await applyRootfsDiff(paths, container, source, deleted, deadline.signal)));
  } finally {
    await source?.close();
  }
  // Engines differ in what the root folder itself looks like; it is part of no archive.
  const mode = await rootMode(unpacked.images);
  if (mode !== undefined) await chmod(rootfsDirectories(runtime.paths, container.id).merged, mode);
  if (devShm === undefined || sandbox.shm === undefined) return;
  await unpackMissing(devShm, sandbox.shm);
}

/** crun hides folders with an empty one of its own, which it names by where its state is. */
const emptyFolder = '.empty-directory';

/**
 * Names every mount from outside as the runtime is going to name it.
 * @throws CodedError `failed-precondition` for one that the new container does not have.
 */
async function matchMounts(
  runtime: BuiltinRuntime,
  sandbox: SandboxRecord,
  container: ContainerRecord,
  unpacked: UnpackedArchive,
): Promise<void> {
  const oci = runtime.ociRuntimeOf(sandbox);
  const spec = await readSpec(runtime.paths, container.id);
  const known = new Set([
    ...spec.mounts.map(({ destination }) => destination),
    ...(spec.linux.maskedPaths ?? []),
  ]);
  const devices = (spec.linux.devices ?? []).map(({ path }) => path);
  const isKnown = (path: string): boolean =>
    known.has(path) || path.startsWith('/dev/') || devices.includes(path);
  await renameExternalMounts(unpacked.images, (key) =>
    basename(key) === emptyFolder ? join(runtimeState(runtime.paths, oci.name), emptyFolder) : key,
  );
  for (const { mountpoint, key } of await externalMounts(unpacked.images)) {
    if (basename(key) === emptyFolder || isKnown(mountpoint)) continue;
    throw new CodedError(
      'failed-precondition',
      `the checkpoint has a mount at ${mountpoint} that the new container has not`,
      { data: { mountpoint, key }, hint: `give the container a mount at ${mountpoint}` },
    );
  }
}

/**
 * What a failed restore says: CRIU's reason instead of the runtime's excerpt.
 * @returns An error to be thrown instead of `error`.
 */
export async function explainRestore(
  runtime: BuiltinRuntime,
  container: ContainerRecord,
  error: unknown,
): Promise<CodedError> {
  const name = container.config.metadata?.name ?? container.id;
  const log = join(containerDirectory(runtime.paths, container.id), 'restore.log');
  const text = (await readFile(log, 'utf8').catch(() => '')).slice(-longestLog);
  const found = explainLog(text);
  const stopped = isCoded(error, 'cancelled') || isCoded(error, 'deadline-exceeded');
  if (found === undefined || stopped) {
    const code = stopped ? (error as CodedError).code : 'internal';
    return new CodedError(code, `Failed to restore container ${name}: ${messageOf(error)}`, { cause: error });
  }
  const { line, lineNumber, meaning, hint } = found;
  const why = meaning === undefined ? `CRIU says: ${line}` : `${meaning} (restore.log: ${line})`;
  return new CodedError('failed-precondition', `Failed to restore container ${name}: ${why}`, {
    cause: error,
    data: { line, lineNumber },
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The images are not needed once the processes run; they hold all of their memory. */
export async function dropImages(runtime: BuiltinRuntime, container: ContainerRecord): Promise<void> {
  const folder = restoreDirectory(runtime.paths, container.id);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: privateDirectory }).catch(() => {});
}
