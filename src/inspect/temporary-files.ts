import type { Codec } from '../archive/compression.ts';
import type { ArchiveLimits } from '../archive/limits.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { memberFolders } from '../checkpoint/layout.ts';
import type { ImageSet } from '../criu/image-set.ts';
import { MntEntry } from '../gen/criu/namespaces.ts';
import { type ChangedFile, listArchive } from './container-files.ts';
import { numbered } from './mounts.ts';

/** Where the contents of a file system in memory are. */
export interface TemporaryMember {
  /** The member of the checkpoint: a tar, packed with gzip. */
  readonly name: string;
  /** Where it was mounted; none where the mount table does not know it. */
  readonly mountpoints: readonly string[];
}

/** What was in a file system in memory. */
export interface TemporaryFiles extends TemporaryMember {
  readonly files: readonly ChangedFile[];
}

/** By device (`tmpfs-dev-N`) or, before CRIU 2, by mount. */
const namePattern = /^tmpfs-(dev-)?(\d{1,10})\.tar\.gz\.img$/;

/** The members that hold file systems in memory, by name. @throws CodedError `corrupt` */
export async function temporaryMembers(images: ImageSet): Promise<TemporaryMember[]> {
  const mounts: MntEntry[] = [];
  for (const { name } of await numbered(images, 'mountpoints-')) {
    for (const mount of await images.messages(name, MntEntry)) mounts.push(mount);
  }
  const names = (await images.files.names()).filter((name) => namePattern.test(name)).sort();
  return names.map((name) => {
    const [, byDevice, number] = namePattern.exec(name) ?? [];
    const own = mounts.filter(
      ({ root_dev, mnt_id }) => Number(byDevice ? root_dev : mnt_id) === Number(number),
    );
    const mountpoints = [...new Set(own.map(({ mountpoint }) => mountpoint))];
    return { name: memberFolders.images + name, mountpoints };
  });
}

/** All of them with what is in them. @throws CodedError as `listArchive` does */
export async function temporaryFiles(
  checkpoint: Checkpoint,
  images: ImageSet,
  codec?: Codec,
  limits?: ArchiveLimits,
): Promise<TemporaryFiles[]> {
  const found: TemporaryFiles[] = [];
  for (const one of await temporaryMembers(images)) {
    found.push({ ...one, files: await listArchive(checkpoint, one.name, codec, limits) });
  }
  return found;
}
