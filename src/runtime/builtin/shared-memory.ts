import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { streamTar } from '../../archive/tar-stream.ts';
import { readChunks } from '../../bytes/byte-source.ts';
import { openFileSource } from '../../localfs/file-source.ts';
import { unpackLayer } from './layer-unpack.ts';

/**
 * Puts the files of a pod's /dev/shm back, except those that are there already: a container that was restored
 * before, of the same pod, may have changed them since.
 */
export async function unpackMissing(archive: string, folder: string): Promise<void> {
  const source = await openFileSource(archive);
  const target = (await readdir(folder)).length === 0 ? folder : await mkdtemp(join(folder, '.restore-'));
  try {
    await unpackLayer(streamTar(readChunks(source)), { folder: target });
    if (target === folder) return;
    const there = new Set(await readdir(folder));
    for (const name of await readdir(target)) {
      if (!there.has(name)) await rename(join(target, name), join(dirname(target), name));
    }
  } finally {
    await source.close();
    if (target !== folder) await rm(target, { recursive: true, force: true });
  }
}
