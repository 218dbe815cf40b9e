import { memberFolders } from '../checkpoint/layout.ts';
import { encodeImage } from '../criu/encode.ts';
import { decodeImage, type ImageEntry } from '../criu/image.ts';
import { FileEntry } from '../gen/criu/files.ts';
import { MntEntry } from '../gen/criu/namespaces.ts';
import type { Program, Target } from './conversion.ts';
import type { ExternalMount } from './mounts.ts';

/** The table of open files of a dump. */
export const filesImage = `${memberFolders.images}files.img`;

/** Whether a member is the mount table of a namespace. */
export function isMountImage(name: string): boolean {
  return (
    name.startsWith(memberFolders.images) &&
    /^mountpoints-\d{1,10}\.img$/.test(name.slice(memberFolders.images.length))
  );
}

/** The mounts of a mount table that came from outside. @throws CodedError `corrupt` */
export function externalMountsIn(bytes: Uint8Array, name: string): ExternalMount[] {
  const base = name.slice(memberFolders.images.length);
  return decodeImage(bytes, base).entries.flatMap(({ message }) => {
    const { mountpoint, ext_key: key } = message as MntEntry;
    return key ? [{ mountpoint, key }] : [];
  });
}

/** crun hides folders under an empty one of its own, and calls it by where its state is. */
const emptyFolder = '/.empty-directory';

/** Where each engine lets crun keep its state. stasis gives the name itself when it restores. */
const crunState: Readonly<Record<Exclude<Target, 'stasis'>, string>> = {
  containerd: '/run/containerd/runc/k8s.io',
  'cri-o': '/run/crun',
  podman: '/run/crun',
};

/**
 * A mount table in which crun's empty folder has the name that it has at the target.
 * @returns undefined where it stays as it is.
 */
export function renameEmptyFolder(
  bytes: Uint8Array,
  name: string,
  target: Target,
  program: Program | undefined,
): Uint8Array | undefined {
  if (target === 'stasis' || program !== 'crun') return undefined;
  const image = decodeImage(bytes, name.slice(memberFolders.images.length));
  const wanted = crunState[target] + emptyFolder;
  let changed = false;
  const entries = image.entries.map((entry): ImageEntry => {
    const message = entry.message as MntEntry;
    if (!message.ext_key?.endsWith(emptyFolder) || message.ext_key === wanted) return entry;
    changed = true;
    return { ...entry, type: MntEntry, message: { ...message, ext_key: wanted } };
  });
  return changed ? encodeImage({ ...image, entries }) : undefined;
}

/**
 * A table of open files that no longer says which permissions the root folder had. CRIU refuses others; engines
 * differ in what they give the root folder, and it is part of no archive.
 * @returns undefined where it stays as it is.
 */
export function forgetRootMode(bytes: Uint8Array): Uint8Array | undefined {
  const image = decodeImage(bytes, 'files.img');
  let changed = false;
  const entries = image.entries.map((entry): ImageEntry => {
    const message = entry.message as FileEntry;
    if (message.reg?.name !== '/' || message.reg.mode === undefined) return entry;
    changed = true;
    const { mode: _mode, ...reg } = message.reg;
    return { ...entry, type: FileEntry, message: { ...message, reg } };
  });
  return changed ? encodeImage({ ...image, entries }) : undefined;
}
