import { lstat, mkdir } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { volumeOption } from '../../api/cri-options.ts';
import type { NewMember } from '../../archive/tar-writer.ts';
import { memberFolders } from '../../checkpoint/layout.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { privateDirectory } from '../../localfs/atomic-file.ts';
import { type FileFacts, fileFacts } from './file-facts.ts';
import { headerOf, treeMembers, writeMembers } from './tree-archive.ts';

export interface VolumeRequest {
  /** Name of a volume → its folder. */
  volumes: ReadonlyMap<string, string>;
  /** The options that are about something else. */
  others: Readonly<Record<string, string>>;
}

/** The volumes among the options of a `CheckpointPod`. @throws CodedError `invalid-argument` */
export function volumesIn(options: Readonly<Record<string, string>>): VolumeRequest {
  const volumes = new Map<string, string>();
  const others: Record<string, string> = {};
  for (const [key, value] of Object.entries(options)) {
    if (!key.startsWith(volumeOption)) {
      others[key] = value;
      continue;
    }
    const name = key.slice(volumeOption.length);
    if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name) || !isAbsolute(value)) {
      throw new CodedError(
        'invalid-argument',
        `option ${JSON.stringify(key)} is ${JSON.stringify(value)}: give the name of a volume and its folder`,
      );
    }
    volumes.set(name, value);
  }
  return { volumes, others };
}

/**
 * Writes each volume to `volumes/NAME.tar` below `output`. Those who write to them have to stand still.
 * @param check Called between pieces; what it throws ends the work.
 * @returns what is left out, one sentence each
 */
export async function captureVolumes(
  volumes: ReadonlyMap<string, string>,
  output: string,
  check: () => void,
): Promise<string[]> {
  const notes: string[] = [];
  if (volumes.size === 0) return notes;
  const folder = join(output, memberFolders.volumes);
  await mkdir(folder, { mode: privateDirectory });
  const facts = await fileFacts([...volumes.values()]);
  for (const [at, [name, root]] of [...volumes].entries()) {
    const left: string[] = [];
    await writeMembers(withRoot(root, left, facts[at] ?? new Map()), join(folder, `${name}.tar`), check);
    notes.push(...left.map((note) => `volume ${name}: ${note}`));
  }
  return notes;
}

/** The folder itself comes first: programs change its mode and its owner. */
async function* withRoot(
  root: string,
  notes: string[],
  facts: ReadonlyMap<string, FileFacts>,
): AsyncGenerator<NewMember> {
  yield { ...headerOf('./', await lstat(root), facts.get('')), type: 'directory' };
  yield* treeMembers(root, notes, facts);
}
