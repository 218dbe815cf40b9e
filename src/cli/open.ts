/**
 * The wiring of the command line: the one place that chooses what stands behind a path. Everything is imported
 * when it is asked for, so that a command loads only what it uses.
 */
import type { ArchiveLimits } from '../archive/limits.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { CheckpointsDirectory } from '../localfs/checkpoints-directory.ts';
import type { IdentityIndex } from '../localfs/identity-index.ts';

/** What the command line says of how to open: a console says the limits, and when to stop. */
export interface Asked {
  limits?: ArchiveLimits | undefined;
  signal?: AbortSignal;
}

/** The checkpoint at `path`: an archive, a directory, an OCI layout, `-` for standard input. */
export async function openCheckpoint(path: string, { limits, signal }: Asked = {}): Promise<Checkpoint> {
  const open = await import('../localfs/open-checkpoint.ts');
  return open.openCheckpoint(path, { ...(limits ? { limits } : {}), signal, blocking: true });
}

/** What `extract` made, at `path`. @throws CodedError `invalid-argument` for a directory. */
export async function openExtracted(path: string, asked: Asked = {}): Promise<Checkpoint> {
  const { stat } = await import('node:fs/promises');
  if (path !== '-' && !(await stat(path)).isFile()) {
    throw new CodedError('invalid-argument', `input ${path} not a regular file`);
  }
  return openCheckpoint(path, asked);
}

/** The kubelet checkpoints directory at `path`, whether it exists or not. */
export async function checkpointsDirectory(path: string): Promise<CheckpointsDirectory> {
  const { CheckpointsDirectory } = await import('../localfs/checkpoints-directory.ts');
  return new CheckpointsDirectory(path);
}

/**
 * What earlier runs read of the archives in `directory`; undefined where nothing may be remembered. It is kept
 * where the environment says (`CACHE_DIRECTORY`, as systemd sets it), else in root's or the user's own cache.
 */
export async function identityIndex(
  directory: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<IdentityIndex | undefined> {
  const { isAbsolute, join } = await import('node:path');
  const { CACHE_DIRECTORY, XDG_CACHE_HOME, HOME } = env;
  const root = process.geteuid?.() === 0;
  const users = XDG_CACHE_HOME || (HOME && join(HOME, '.cache'));
  // systemd separates several by colons.
  const cache =
    CACHE_DIRECTORY?.split(':')[0] ?? (root ? '/var/cache/stasis' : users && join(users, 'stasis'));
  if (!cache || !isAbsolute(cache)) return undefined;
  const { IdentityIndex } = await import('../localfs/identity-index.ts');
  return IdentityIndex.open(join(cache, 'lists'), directory);
}

/** Where the kubelet keeps its checkpoints, unless a command is told otherwise. */
export const kubeletCheckpoints = '/var/lib/kubelet/checkpoints';
