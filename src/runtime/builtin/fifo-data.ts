import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeImage } from '../../criu/encode.ts';
import { decodeImage, type ImageEntry } from '../../criu/image.ts';
import { writeFileAtomic } from '../../localfs/atomic-file.ts';
import { json } from './checkpoint-metadata.ts';
import { type RuntimePaths, sandboxDirectory } from './paths.ts';

const image = 'fifo-data.img';
/** In the pod's folder: what was put into pipes already. */
const note = 'restored-fifos.json';

/**
 * What waits in a named pipe of a shared volume is in the checkpoint of each container that has the pipe open. The
 * first one that is restored puts it back; from the images of the others it is taken out, or it would come twice.
 *
 * Called before the restore of a container.
 * @param images Folder of CRIU's images.
 * @returns To be called when it has been restored.
 */
export async function restoreFifosOnce(
  paths: RuntimePaths,
  sandboxId: string,
  images: string,
): Promise<() => Promise<void>> {
  const bytes = await readFile(join(images, image)).catch(() => undefined);
  if (bytes === undefined) return async () => {};
  const file = join(sandboxDirectory(paths, sandboxId), note);
  const done = new Set(await readNote(file));
  const decoded = decodeImage(bytes, image);
  const entries = decoded.entries.filter((entry) => !done.has(keyOf(entry)));
  if (entries.length < decoded.entries.length) {
    await writeFile(join(images, image), encodeImage({ ...decoded, entries }));
  }
  return async () => {
    for (const entry of entries) done.add(keyOf(entry));
    await writeFileAtomic(file, json([...done]));
  };
}

/** Which pipe, and what was in it: the same in every container that was captured at the same moment. */
function keyOf({ raw, extra }: ImageEntry): string {
  return createHash('sha256')
    .update(raw)
    .update(JSON.stringify(extra ?? null))
    .digest('hex');
}

async function readNote(file: string): Promise<string[]> {
  try {
    const found: unknown = JSON.parse(await readFile(file, 'utf8'));
    return Array.isArray(found) ? found.map(String) : [];
  } catch {
    return [];
  }
}
