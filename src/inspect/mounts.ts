import { deviceText } from '../criu/crit-json.ts';
import type { ImageSet } from '../criu/image-set.ts';
import { Fstype, MntEntry } from '../gen/criu/namespaces.ts';
import { bitNames, mountBits } from './linux-names.ts';

export interface Mount {
  readonly id: number;
  readonly parent: number;
  readonly mountpoint: string;
  /** `tmpfs`, `proc`, `overlay`, …; `unknown` for one that CRIU leaves to whoever restores. */
  readonly type: string;
  readonly source: string;
  /** The part of the file system that is mounted. */
  readonly root: string;
  /** major:minor */
  readonly device: string;
  readonly flags: readonly string[];
  readonly options: string;
  readonly shared?: number;
  readonly master?: number;
  /** Comes from outside the container and has to be given at a restore; the name that the runtime gave it. */
  readonly external?: string;
  readonly deleted?: boolean;
}

export interface MountNamespace {
  readonly namespace: number;
  readonly mounts: readonly Mount[];
}

const types = new Map<number, string>(
  Object.entries(Fstype).map(([name, number]) => [number, name.toLowerCase()]),
);

/** The mount table of every mount namespace, as it really was. @throws CodedError `corrupt` */
export async function mountNamespaces(images: ImageSet): Promise<MountNamespace[]> {
  const found: MountNamespace[] = [];
  for (const { name, id } of await numbered(images, 'mountpoints-')) {
    const mounts = (await images.messages(name, MntEntry)).map(mountOf);
    found.push({ namespace: id, mounts });
  }
  return found;
}

/** The images with a decimal number after `prefix`, by number. */
export async function numbered(images: ImageSet, prefix: string): Promise<{ name: string; id: number }[]> {
  const names = await images.files.names();
  return names
    .filter((name) => name.startsWith(prefix) && /^\d{1,10}\.img$/.test(name.slice(prefix.length)))
    .map((name) => ({ name, id: Number(name.slice(prefix.length, -4)) }))
    .sort((a, b) => a.id - b.id);
}

function mountOf(entry: MntEntry): Mount {
  const external = entry.ext_key ?? (entry.ext_mount ? entry.root : undefined);
  return {
    id: entry.mnt_id,
    parent: entry.parent_mnt_id,
    mountpoint: entry.mountpoint,
    type:
      entry.fsname ??
      (entry.fstype === Fstype.UNSUPPORTED ? 'unknown' : (types.get(entry.fstype) ?? 'unknown')),
    source: entry.source,
    root: entry.root,
    device: deviceText(BigInt(entry.root_dev)),
    flags: bitNames((entry.flags | (entry.sb_flags ?? 0)) >>> 0, mountBits),
    options: entry.options,
    ...(entry.shared_id && { shared: entry.shared_id }),
    ...(entry.master_id && { master: entry.master_id }),
    ...(external !== undefined && { external }),
    ...(entry.deleted && { deleted: true }),
  };
}
