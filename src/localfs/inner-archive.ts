import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { ByteSource } from '../bytes/byte-source.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { CodedError } from '../errors/coded-error.ts';

/** A path that goes on inside an archive: `pod.tar/client` is the archive of container `client` in `pod.tar`. */
export interface InnerPath {
  /** The archive that is a file. */
  file: string;
  /** What to open in it, outermost first. */
  inside: readonly string[];
}

/** Deeper than a list of pods, a pod and a container nothing is nested. */
const deepest = 3;

/** Undefined for a path that is there as it stands, or that leads through no file. */
export function innerPath(path: string): InnerPath | undefined {
  const inside: string[] = [];
  for (let file = path; inside.length <= deepest; file = dirname(file)) {
    const kind = kindOf(file);
    if (kind === 'file') return inside.length > 0 ? { file, inside } : undefined;
    if (kind === 'other' || file === dirname(file)) return undefined;
    inside.unshift(basename(file));
  }
  return undefined;
}

/** `inside` for a path below a file. */
function kindOf(path: string): 'file' | 'inside' | 'other' {
  try {
    return statSync(path).isFile() ? 'file' : 'other';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR' ? 'inside' : 'other';
  }
}

/**
 * The archive `name`, or `name.tar`, in another one.
 * @param outer owned from here on, also when this fails
 * @param open for the bytes of the archive
 * @throws CodedError `not-found`, naming the archives that there are
 */
export async function openInner(
  outer: Checkpoint,
  name: string,
  open: (source: ByteSource) => Promise<Checkpoint>,
  signal?: AbortSignal,
): Promise<Checkpoint> {
  try {
    const found = (await outer.find(`${name}.tar`, signal)) ?? (await outer.find(name, signal));
    if (found === undefined) throw await notInside(outer, name, signal);
    const source = await outer.open(found.name, signal);
    return await open(closingBoth(source, outer));
  } catch (error) {
    await outer.close();
    throw error;
  }
}

async function notInside(outer: Checkpoint, name: string, signal?: AbortSignal): Promise<CodedError> {
  const archives = (await outer.members(signal)).files.flatMap((file) =>
    file.name.endsWith('.tar') ? [file.name.slice(0, -'.tar'.length)] : [],
  );
  return new CodedError('not-found', `${outer.origin} has no archive ${JSON.stringify(name)} in it`, {
    hint: archives.length > 0 ? `it has ${archives.slice(0, 20).join(', ')}` : 'it has none',
  });
}

function closingBoth(source: ByteSource, outer: Checkpoint): ByteSource {
  return {
    size: source.size,
    read: (offset, length, signal) => source.read(offset, length, signal),
    async close() {
      await source.close();
      await outer.close();
    },
  };
}
