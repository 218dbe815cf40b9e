import { isCoded } from '../errors/coded-error.ts';
import type { CheckpointedPods } from '../kubeletstate/checkpointed-pods.ts';
import type { CheckpointsDirectory } from '../localfs/checkpoints-directory.ts';
import { extractCheckpoints, MissingArchive } from '../localfs/extract-checkpoints.ts';
import type { Console } from './console.ts';
import { archiveMissing, listMissing, outputFailed, readFailed } from './kubelet-messages.ts';
import { checkpointsDirectory } from './open.ts';
import { printable } from './output/escape.ts';
import { Progress } from './progress.ts';

/** Writes everything in a kubelet checkpoints directory into one archive. */
export async function extractTarget(
  target: string,
  output: string,
  compression: 'gzip' | 'none' | 'zstd',
  console: Console,
): Promise<void> {
  const directory = await checkpointsDirectory(target);
  const list = await readList(directory);
  console.out.write(`\nExtracting checkpoint data from ${printable(directory.listPath)}\n\n`);
  console.out.flush();
  const progress = new Progress(console.err, 'extracting');
  try {
    await extractCheckpoints(
      directory,
      list.pods.map(({ sandboxId }) => sandboxId),
      output,
      { compression, signal: console.signal, onProgress: (done, total) => progress.bytes(done, total) },
    );
  } catch (error) {
    if (error instanceof MissingArchive) throw archiveMissing(error.path, error.cause);
    throw isCoded(error) ? error : outputFailed(output, error);
  } finally {
    progress.done();
  }
}

async function readList(directory: CheckpointsDirectory): Promise<CheckpointedPods> {
  const list = await directory.read().catch((error: unknown) => {
    throw readFailed(directory.listPath, error);
  });
  if (!list) throw listMissing(directory.listPath);
  return list;
}
