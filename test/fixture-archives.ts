import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Checkpoint } from '../src/checkpoint/checkpoint.ts';
import { tarCheckpoint } from '../src/checkpoint/from-tar.ts';
import { memberFolders } from '../src/checkpoint/layout.ts';
import { kindOfFile } from '../src/criu/magic.ts';
import { openFileSource } from '../src/localfs/file-source.ts';

const folder = resolve(import.meta.dirname, '../fixtures/archives');

/** The uncompressed checkpoint archives that were made by real engines and programs. */
export const plainArchives: readonly string[] = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.tar') && !name.includes('zstd') && !name.includes('oci'))
  .sort();

/** A fixture as a checkpoint; close it. */
export async function openFixture(name: string): Promise<Checkpoint> {
  return tarCheckpoint(await openFileSource(join(folder, name)), { origin: name });
}

/** Every file of a checkpoint that has the framing of a CRIU image, by its name without the folder. */
export async function* imageFiles(checkpoint: Checkpoint): AsyncGenerator<[name: string, bytes: Uint8Array]> {
  for (const { name, size } of (await checkpoint.members()).files) {
    const base = name.startsWith(memberFolders.images) ? name.slice(memberFolders.images.length) : name;
    if (size > 0 && !base.includes('/') && kindOfFile(base)) yield [base, await checkpoint.read(name)];
  }
}
