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
const crunState: Readonly<Record<Target, string | undefined>> = {
  containerd: '/run/containerd/runc/k8s.io',
  'cri-o': '/run/crun',
  podman: '/run/crun',
  stasis: undefined,
};

/** A file is hidden under this device; runc calls all of them by its path, crun each by where it is. */
const nullDevice = '/dev/null';

export interface HiddenNames {
  target: Target;
  /** The programs that made the images and that are going to restore them. */
  from: Program | undefined;
  to: Program | undefined;
}

/**
 * A mount table in which what was hidden from the container has the names by which the target finds it.
 * @returns undefined where it stays as it is.
 */
export function renameHidden(bytes: Uint8Array, name: string, names: HiddenNames): Uint8Array | undefined {
  const image = decodeImage(bytes, name.slice(memberFolders.images.length));
  let changed = false;
  const entries = image.entries.map((entry): ImageEntry => {
    const message = entry.message as MntEntry;
    const key = message.ext_key === undefined ? undefined : hiddenName(message, message.ext_key, names);
    if (key === undefined || key === message.ext_key) return entry;
    changed = true;
    return { ...entry, type: MntEntry, message: { ...message, ext_key: key } };
  });
  return changed ? encodeImage({ ...image, entries }) : undefined;
}

function hiddenName({ mountpoint, root }: MntEntry, key: string, { target, from, to }: HiddenNames): string {
  const state = crunState[target];
  if (key.endsWith(emptyFolder)) return to === 'crun' && state !== undefined ? state + emptyFolder : key;
  if (root !== '/null' || from === to) return key;
  if (to === 'crun' && key === nullDevice) return mountpoint;
  return to === 'runc' && key === mountpoint ? nullDevice : key;
}

/** Folders that crun hid; runc has nothing that it could put there in a restore. */
export function foldersHiddenByCrun(external: readonly ExternalMount[]): string[] {
  return external.filter(({ key }) => key.endsWith(emptyFolder)).map(({ mountpoint }) => mountpoint);
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
