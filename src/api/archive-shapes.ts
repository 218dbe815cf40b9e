import type { CheckpointSummary } from './stasis.ts';

/** JSON shapes of what is taken out of archives and made of them. Their schemas stand in `archive-schemas.ts`. */

/** Where members are looked for: in the archive, in the archive of one container of a pod, in an archive inside. */
export interface MemberPlace {
  container?: string;
  /** The name of a member, or where a file system in memory was mounted. */
  in?: string;
  /** What the container changed in its root file system. */
  rootfs?: boolean;
}

export interface MembersRequest extends MemberPlace {
  members: string[];
}

/** Most members that are extracted at once. */
export const mostMembers = 10_000;

/** What of two checkpoints is compared besides processes and sizes. */
export interface DiffRequest {
  container?: string;
  files?: boolean;
  sockets?: boolean;
  mounts?: boolean;
  rootfs?: boolean;
  memory?: boolean;
  arguments?: boolean;
  environment?: boolean;
}

/** A stretch of the memory of a process: a range of addresses, or a map by its name. */
export interface MemoryRequest {
  container?: string;
  pid?: number;
  /** `START-END` in hexadecimal. */
  range?: string;
  map?: string;
}

export interface ConvertRequest {
  to: 'containerd' | 'cri-o' | 'podman' | 'stasis';
  /** Which container of the archive of a pod. */
  container?: string;
  /** The program that is going to restore, where it is not the one that made the checkpoint. */
  runtime?: 'crun' | 'runc';
  /** The name that the engine has for the container's image, and its id: 64 hexadecimal digits. */
  image?: string;
  imageId?: string;
  /** Another name for the container. */
  name?: string;
  /** For Podman: to be restored into a pod. */
  pod?: boolean;
  /** Path in the container → its source on the node that restores. */
  mounts?: Record<string, string>;
  /** Of the result; none where it is left out. */
  compress?: 'none' | 'gzip' | 'zstd';
}

export interface EditRequest {
  /** TCP port that is listened on → the new one. */
  ports?: Record<string, number>;
  /** Annotation → its new value, or null to remove it. */
  annotations?: Record<string, string | null>;
  /** Name of the image that the container came from. */
  image?: string;
}

/** A new archive in the checkpoints directory. */
export interface MadeArchive {
  apiVersion: 'stasis/v1';
  kind: 'MadeArchive';
  checkpoint: CheckpointSummary;
  /** The archive that it was made of. */
  of: string;
  /** What whoever restores it has to know. */
  notes: { kind: 'lost' | 'changed' | 'needed'; about: string; detail: string }[];
}

/** Pods that were added to those that the node is to restore. */
export interface InsertResult {
  apiVersion: 'stasis/v1';
  kind: 'InsertResult';
  pods: { namespace: string; name: string; sandboxId: string }[];
}
