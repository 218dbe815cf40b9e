import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { isCoded, messageOf } from '../errors/coded-error.ts';
import type { CheckpointedPods } from '../kubeletstate/checkpointed-pods.ts';
import { insertCheckpoints, missingArchives, readExtractedList } from '../localfs/insert-checkpoints.ts';
import { systemErrorCode, systemErrorText } from '../localfs/system-error.ts';
import type { Console } from './console.ts';
import {
  listedButAbsent,
  missingText,
  notExtracted,
  targetListBroken,
  targetMissing,
  unpackFailed,
} from './kubelet-messages.ts';
import { checkpointsDirectory, openExtracted } from './open.ts';
import { Progress } from './progress.ts';

/** Adds the pods of an extracted archive to a kubelet checkpoints directory. */
export async function insertArchive(input: string, target: string, console: Console): Promise<void> {
  const archive = await openInput(input, console);
  try {
    const list = await readInput(archive, input);
    const directory = await checkpointsDirectory(target);
    await directory.read().catch((error: unknown) => {
      throw targetListBroken(target, error);
    });
    const progress = new Progress(console.err, 'inserting');
    try {
      await insertCheckpoints(archive, list, directory, {
        signal: console.signal,
        onProgress: (done, total) => progress.bytes(done, total),
      });
    } catch (error) {
      throw systemErrorCode(error) ? targetMissing(target, error) : error;
    } finally {
      progress.done();
    }
  } finally {
    await archive.close();
  }
}

async function openInput(input: string, console: Console): Promise<Checkpoint> {
  try {
    return await openExtracted(input, { limits: console.limits });
  } catch (error) {
    // A folder or a device; what the archive itself is like shows later, or here where it is compressed.
    const unreadable = isCoded(error, 'invalid-argument');
    const operation = systemErrorCode(error) ? systemErrorText(error, 'open', input) : undefined;
    throw unpackFailed(input, unreadable ? `read ${input}: is a directory` : (operation ?? error));
  }
}

async function readInput(archive: Checkpoint, input: string): Promise<CheckpointedPods> {
  await archive.members().catch((error: unknown) => {
    throw unpackFailed(input, error);
  });
  const list = await readExtractedList(archive).catch((error: unknown) => {
    throw notExtracted(input, messageOf(error));
  });
  if (!list) throw notExtracted(input, missingText(`${input}/checkpointed.pods`));
  const missing = await missingArchives(archive, list.pods).catch((error: unknown) => {
    throw notExtracted(input, messageOf(error));
  });
  if (missing[0]) throw listedButAbsent(`${input}/${missing[0]}`);
  return list;
}
