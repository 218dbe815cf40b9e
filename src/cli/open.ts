/**
 * The wiring of the command line: the one place that chooses what stands behind a path. Everything is imported
 * when it is asked for, so that a command loads only what it uses.
 */
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointsDirectory } from '../localfs/checkpoints-directory.ts';

/** The checkpoint, or extracted archive, at `path`. Close it after use. */
export async function openArchive(path: string): Promise<Checkpoint> {
  const { openFileSource } = await import('../localfs/file-source.ts');
  const { tarCheckpoint } = await import('../checkpoint/from-tar.ts');
  return tarCheckpoint(await openFileSource(path), { origin: path });
}

/** The kubelet checkpoints directory at `path`, whether it exists or not. */
export async function checkpointsDirectory(path: string): Promise<CheckpointsDirectory> {
  const { CheckpointsDirectory } = await import('../localfs/checkpoints-directory.ts');
  return new CheckpointsDirectory(path);
}

/** Where the kubelet keeps its checkpoints, unless a command is told otherwise. */
export const kubeletCheckpoints = '/var/lib/kubelet/checkpoints';
