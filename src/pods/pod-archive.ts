import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { indexTar, openEntry, type TarIndex } from '../archive/tar-index.ts';
import { type TarMember, writeTar } from '../archive/tar-writer.ts';
import { type ByteSource, readChunks } from '../bytes/byte-source.ts';
import { strictTextOf, utf8 } from '../bytes/text.ts';
import { memberFolders, podAnnotations, podMemberNames } from '../checkpoint/layout.ts';
import { CodedError, isCoded, messageOf } from '../errors/coded-error.ts';
import { type PodSandboxConfig, PodSandboxConfigSchema } from '../gen/cri/v1/api_pb.ts';
import { AtomicFile, privateDirectory, privateFile } from '../localfs/atomic-file.ts';
import { openFileSource } from '../localfs/file-source.ts';
import { decodePod } from './manifest.ts';
import type { Pod } from './pod.ts';
import type { VolumeArchive } from './pod-volumes.ts';

/** What a pod archive says about the pod, beside the archives of its containers. */
export interface PodDescription {
  sandbox: PodSandboxConfig;
  /** Container name → file name of its archive. */
  containers: Record<string, string>;
  annotations: Record<string, string>;
  /** Name of a volume → the archive of what was in it. */
  volumes: Readonly<Record<string, VolumeArchive>>;
  /** As it was described; absent from archives of other programs. */
  pod: Pod | undefined;
}

/** Bytes of each descriptive member that we are willing to read. */
const descriptionLimit = 4 << 20;
const mostContainers = 1000;

/**
 * Writes `<SandboxID>.tar`: the description first, then every other file of `directory`, then volumes. It appears under its name
 * complete or not at all, readable by its owner only.
 * @returns its size in bytes
 */
export async function writePodArchive(
  path: string,
  description: PodDescription,
  directory: string,
  signal: AbortSignal,
): Promise<number> {
  const described: readonly string[] = Object.values(podMemberNames);
  const names = (await readdir(directory, { withFileTypes: true }))
    .flatMap((found) => (found.isFile() && !described.includes(found.name) ? [found.name] : []))
    .sort();
  names.push(...Object.values(description.volumes).map(({ file }) => file));
  const sources: ByteSource[] = [];
  const file = await AtomicFile.create(path);
  try {
    const members: TarMember[] = describe(description);
    const mtime = Math.floor(Date.now() / 1000);
    for (const name of names) {
      const source = await openFileSource(join(directory, name));
      sources.push(source);
      members.push({ name, mode: privateFile, mtime, content: source });
    }
    let size = 0;
    for await (const piece of writeTar(members, { signal })) {
      await file.write(piece);
      size += piece.length;
    }
    await file.commit();
    return size;
  } catch (error) {
    await file.discard();
    throw error;
  } finally {
    for (const source of sources) await source.close();
  }
}

function describe({ sandbox, containers, annotations, volumes, pod }: PodDescription): TarMember[] {
  const json = (name: string, value: unknown) => ({
    name,
    mode: privateFile,
    mtime: Math.floor(Date.now() / 1000),
    content: utf8(JSON.stringify(value, null, 2)),
  });
  return [
    json(podMemberNames.podDump, toJson(PodSandboxConfigSchema, sandbox, { useProtoFieldName: true })),
    json(podMemberNames.podOptions, {
      ...{ version: 1, containers, annotations },
      ...(Object.keys(volumes).length > 0 ? { volumes } : {}),
    }),
    ...(pod ? [json(podMemberNames.podJson, pod)] : []),
  ];
}

/**
 * Reads what a pod archive says about its pod. The archive may come from anyone.
 * @throws CodedError `corrupt` or `unsupported`, saying which member is wrong
 */
export async function readPodArchive(path: string, signal: AbortSignal): Promise<PodDescription> {
  const source = await openFileSource(path);
  try {
    return await readDescription(source, path, await indexTar(source, { signal }), signal);
  } finally {
    await source.close();
  }
}

/**
 * For how long the containers stood still, from what the runtime wrote into the folder of a checkpoint; undefined
 * where it does not say.
 */
export async function frozenMicrosecondsIn(folder: string): Promise<number | undefined> {
  try {
    const text = await readFile(join(folder, podMemberNames.podOptions), 'utf8');
    const { annotations } = JSON.parse(text) as { annotations?: Record<string, unknown> };
    const found = annotations?.[podAnnotations.frozenMicroseconds];
    return typeof found === 'string' && /^\d{1,15}$/.test(found) ? Number(found) : undefined;
  } catch {
    return undefined;
  }
}

/** Copies the containers' archives of a pod archive into a new private folder, under the names in it. */
export async function unpackPodArchive(
  path: string,
  target: string,
  signal: AbortSignal,
): Promise<PodDescription> {
  const source = await openFileSource(path);
  try {
    const index = await indexTar(source, { signal });
    const description = await readDescription(source, path, index, signal);
    await mkdir(target, { mode: privateDirectory });
    for (const name of Object.values(description.containers)) {
      const entry = index.content(name);
      if (!entry) throw new CodedError('corrupt', `${path} has no member ${name}, though it lists it`);
      await copyOut(openEntry(source, entry), join(target, name), signal);
    }
    return description;
  } finally {
    await source.close();
  }
}

async function copyOut(content: ByteSource, path: string, signal: AbortSignal): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const handle = await open(path, flags, privateFile);
  try {
    for await (const piece of readChunks(content, 1 << 20, signal)) await handle.writeFile(piece);
  } finally {
    await handle.close();
  }
}

async function readDescription(
  source: ByteSource,
  path: string,
  index: TarIndex,
  signal: AbortSignal,
): Promise<PodDescription> {
  const read = async (name: string): Promise<unknown> => {
    const entry = index.content(name);
    if (!entry) return undefined;
    if (entry.size > descriptionLimit) {
      throw new CodedError(
        'resource-exhausted',
        `${name} in ${path} has ${entry.size} bytes, more than ${descriptionLimit}`,
      );
    }
    const text = strictTextOf(await openEntry(source, entry).read(0, entry.size, signal));
    try {
      return JSON.parse(text ?? '');
    } catch (error) {
      throw new CodedError('corrupt', `${name} in ${path} is not JSON: ${messageOf(error)}`);
    }
  };
  const dump = await read(podMemberNames.podDump);
  if (dump === undefined)
    throw new CodedError('unsupported', `${path} is no pod archive: it has no ${podMemberNames.podDump}`);
  const pod = await read(podMemberNames.podJson);
  const options = optionsOf(await read(podMemberNames.podOptions), path);
  return {
    sandbox: sandboxOf(dump, path),
    ...options,
    pod: pod === undefined ? undefined : podOf(pod, path),
  };
}

function sandboxOf(dump: unknown, path: string): PodSandboxConfig {
  try {
    return fromJson(PodSandboxConfigSchema, dump as JsonValue, { ignoreUnknownFields: true });
  } catch (error) {
    throw new CodedError('corrupt', `${podMemberNames.podDump} in ${path}: ${messageOf(error)}`);
  }
}

function podOf(data: unknown, path: string): Pod {
  try {
    return decodePod(data, { file: `${podMemberNames.podJson} in ${path}`, node: '' });
  } catch (error) {
    throw new CodedError('corrupt', messageOf(error), isCoded(error) ? { cause: error } : {});
  }
}

function optionsOf(value: unknown, path: string): Omit<PodDescription, 'sandbox' | 'pod'> {
  const options = (value ?? {}) as { containers?: unknown; annotations?: unknown; volumes?: unknown };
  const entries = Object.entries((options.containers ?? {}) as Record<string, unknown>);
  if (entries.length === 0 || entries.length > mostContainers) {
    throw new CodedError(
      'corrupt',
      `${podMemberNames.podOptions} in ${path} lists ${entries.length} containers`,
    );
  }
  const containers: Record<string, string> = {};
  for (const [name, archive] of entries) {
    const safe = typeof archive === 'string' && /^[A-Za-z0-9][A-Za-z0-9_.-]{0,250}$/.test(archive);
    if (!safe || !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
      throw new CodedError(
        'corrupt',
        `${podMemberNames.podOptions} in ${path}: bad entry for container ${JSON.stringify(name)}`,
      );
    }
    containers[name] = archive;
  }
  const texts = Object.entries((options.annotations ?? {}) as Record<string, unknown>).flatMap(
    ([key, text]) => (typeof text === 'string' ? [[key, text] as const] : []),
  );
  return { containers, annotations: Object.fromEntries(texts), volumes: volumesOf(options.volumes, path) };
}

function volumesOf(value: unknown, path: string): Record<string, VolumeArchive> {
  const volumes: Record<string, VolumeArchive> = {};
  for (const [name, listed] of Object.entries((value ?? {}) as Record<string, unknown>)) {
    const { file, size, sha256 } = (listed ?? {}) as Partial<Record<keyof VolumeArchive, unknown>>;
    const fits =
      /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name) &&
      file === volumeMember(name) &&
      typeof size === 'number' &&
      typeof sha256 === 'string';
    if (!fits) {
      throw new CodedError(
        'corrupt',
        `${podMemberNames.podOptions} in ${path}: bad entry for volume ${JSON.stringify(name)}`,
      );
    }
    volumes[name] = { file, size, sha256 };
  }
  return volumes;
}

/** `volumes/NAME.tar`, in the archive of a pod and in the folder that a runtime writes to. */
export function volumeMember(name: string): string {
  return `${memberFolders.volumes}${name}.tar`;
}

/** Lets `work` read the archive of each volume of a pod archive. @throws CodedError `corrupt` where one is missing */
export async function eachVolume(
  path: string,
  work: (name: string, volume: VolumeArchive, archive: ByteSource) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const source = await openFileSource(path);
  try {
    const index = await indexTar(source, { signal });
    const { volumes } = await readDescription(source, path, index, signal);
    for (const [name, volume] of Object.entries(volumes)) {
      const entry = index.content(volume.file);
      if (!entry) throw new CodedError('corrupt', `${path} has no member ${volume.file}, though it lists it`);
      await work(name, volume, openEntry(source, entry));
    }
  } finally {
    await source.close();
  }
}
