import { constants } from 'node:fs';
import { lstat, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { CodedError } from '../errors/coded-error.ts';
import { kindByPath, knownFiles, knownFolders } from '../kubeletstate/known-files.ts';
import { asGoError } from './system-error.ts';

/** A state file as it is on disk. */
export interface StateFile {
  path: string;
  /** Below the directory that was asked for; the file's own name when it was asked for itself. */
  name: string;
}

export interface StateFileContent {
  bytes: Uint8Array;
  mode: number;
  uid: number;
  /** Milliseconds since 1970. */
  modified: number;
}

/** Largest state file that is read, in bytes: a hundred times the largest one ever seen. */
const largest = 256 << 20;
/** Most files of one folder that are looked at. */
const mostFiles = 100_000;

/**
 * The state files at `target`: the file itself, or those below a kubelet's root directory (and, beside it,
 * those of dockershim and cri-dockerd), or those in a folder that was copied from one.
 * @throws CodedError in Go's words when there is no such file or folder.
 */
export async function findStateFiles(target: string): Promise<StateFile[]> {
  let found: Awaited<ReturnType<typeof stat>>;
  try {
    found = await stat(target).catch(() => lstat(target));
  } catch (error) {
    throw asGoError('stat', target, error);
  }
  const isKnown = knownFiles.some(({ path }) => basename(path) === basename(target));
  if (!found.isDirectory() || isKnown) return [{ path: target, name: basename(target) }];
  const paths = new Set<string>();
  // Whatever stands in a file's place is listed: the kubelet stumbles over a folder there as over a bad file.
  for (const { path } of knownFiles) if (await exists(join(target, path))) paths.add(join(target, path));
  for (const { path } of knownFolders) {
    for (const parent of [dirname(target), target]) {
      for (const name of await visible(join(parent, path))) paths.add(join(parent, path, name));
    }
  }
  // A copied folder: what is in it counts by its name, or by the name of the folder.
  for (const name of await visible(target)) {
    const path = join(target, name);
    const known = kindByPath(path);
    if (known && !isSetAside(name) && (await isFile(path))) paths.add(path);
  }
  return [...paths].map((path) => ({ path, name: relative(target, path) }));
}

/**
 * Reads a state file whole.
 * @throws CodedError in Go's words; `resource-exhausted` when it is too large to be one, `invalid-argument` when it
 *   is no regular file.
 */
export async function readStateFile(path: string): Promise<StateFileContent> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      const { size, mode, uid, mtimeMs } = await handle.stat();
      if (
        (mode & constants.S_IFMT) !== constants.S_IFREG &&
        (mode & constants.S_IFMT) !== constants.S_IFDIR
      ) {
        throw new CodedError('invalid-argument', `reading ${path}: not a regular file`);
      }
      if (size > largest) {
        throw new CodedError('resource-exhausted', `reading ${path}: ${size} bytes are more than ${largest}`);
      }
      return { bytes: await handle.readFile(), mode: mode & 0o7777, uid, modified: mtimeMs };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const directory = (error as NodeJS.ErrnoException).code === 'EISDIR';
    throw asGoError(directory ? 'read' : 'open', path, error);
  }
}

/** Whether a name is that of a file that was set aside: `NAME.REASON-TIME`. */
export function isSetAside(name: string): boolean {
  return /\.(?:corrupt|repaired|converted|reset)-[0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?$/.test(name);
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

async function visible(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => [] as string[]);
  if (names.length > mostFiles) {
    throw new CodedError(
      'resource-exhausted',
      `${directory} holds ${names.length} files, more than ${mostFiles}`,
    );
  }
  return names.filter((name) => !name.startsWith('.')).sort();
}
