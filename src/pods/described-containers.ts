import type { CheckpointSummary, DescribedContainer } from '../api/stasis.ts';
import { indexTar, openEntry } from '../archive/tar-index.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openArchive } from '../checkpoint/from-archive.ts';
import { CodedError } from '../errors/coded-error.ts';
import { readReport } from '../inspect/report.ts';
import { openFileSource } from '../localfs/file-source.ts';
import { lateCodec } from '../localfs/late-codec.ts';
import { openCheckpoint } from '../localfs/open-checkpoint.ts';
import { readPodArchive } from './pod-archive.ts';

type Where = Pick<CheckpointSummary, 'path' | 'kind'>;

/** What an archive says of each of its containers. @throws CodedError where it cannot be read */
export async function describedContainers(
  archive: Where,
  signal: AbortSignal,
): Promise<DescribedContainer[]> {
  if (archive.kind === 'container')
    return [await described(await openCheckpoint(archive.path, { signal }), signal)];
  const { containers } = await readPodArchive(archive.path, signal);
  const found: DescribedContainer[] = [];
  for (const name of Object.keys(containers).sort()) {
    found.push(await described(await openContainer(archive, name, signal), signal));
  }
  return found;
}

/**
 * The checkpoint of one container in an archive; of a pod's archive the one of that name, which may be left out
 * where there is only one.
 * @throws CodedError `not-found`, `invalid-argument`, `corrupt`
 */
export async function openContainer(
  { path, kind }: Where,
  container: string | undefined,
  signal: AbortSignal,
): Promise<Checkpoint> {
  if (kind === 'container') return openCheckpoint(path, { signal });
  const { member } = await containerMember(path, container, signal);
  const source = await openFileSource(path);
  try {
    const entry = (await indexTar(source, { signal })).content(member);
    if (!entry) throw new CodedError('corrupt', `${path} has no member ${member}, though it lists it`);
    const content = openEntry(source, entry);
    const read: typeof content.read = (offset, length, again) => content.read(offset, length, again);
    const owned = { size: content.size, read, close: () => source.close() };
    return await openArchive(owned, { origin: `${path}: ${member}`, codec: lateCodec, signal });
  } catch (error) {
    await source.close();
    throw error;
  }
}

/**
 * Which container of the archive of a pod is meant, and the member that is its archive.
 * @throws CodedError `not-found`, or `invalid-argument` where it has several and none is named
 */
export async function containerMember(
  path: string,
  container: string | undefined,
  signal: AbortSignal,
): Promise<{ name: string; member: string }> {
  const { containers } = await readPodArchive(path, signal);
  const names = Object.keys(containers).sort();
  const name = container ?? (names.length === 1 ? names[0] : undefined);
  const known = `the archive has ${names.join(', ')}`;
  if (name === undefined) throw new CodedError('invalid-argument', 'name one container', { hint: known });
  const member = Object.hasOwn(containers, name) ? containers[name] : undefined;
  if (member !== undefined) return { name, member };
  throw new CodedError('not-found', `the archive has no container ${JSON.stringify(name)}`, { hint: known });
}

/** The path by which the archive of one container is opened, as {@link containerMember} chooses it. */
export async function containerPath(
  { path, kind }: Where,
  container: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  if (kind === 'container') return path;
  return `${path}/${(await containerMember(path, container, signal)).member}`;
}

async function described(checkpoint: Checkpoint, signal: AbortSignal): Promise<DescribedContainer> {
  try {
    const { identity, sizes } = await readReport(checkpoint, { signal });
    return {
      name: identity.name,
      id: identity.id,
      image: identity.image,
      engine: identity.engine,
      runtime: identity.runtime,
      checkpointed: identity.checkpointed ?? '',
      imagesBytes: sizes.images,
      pagesBytes: sizes.pages,
      rootfsBytes: sizes.rootfsDiff,
    };
  } finally {
    await checkpoint.close();
  }
}
