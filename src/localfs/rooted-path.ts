import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../errors/coded-error.ts';

/** As many links as the kernel follows. */
const mostLinks = 40;

/**
 * The real path of `inside` when `root` were `/`: every symbolic link is followed within `root`, also absolute
 * ones and ones that climb with `..`. Parts that do not exist are taken as they stand.
 * With `keepLast` the last part is not followed, so that a link itself can be looked at or replaced.
 *
 * Whoever calls this must be the only writer below `root` while the result is used.
 * @throws CodedError `corrupt` when links lead round in a circle.
 */
export async function rootedPath(
  root: string,
  inside: string,
  options: { keepLast?: boolean } = {},
): Promise<string> {
  const done: string[] = [];
  const todo = inside.split('/').filter(isName).reverse();
  let links = 0;
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '..') {
      done.pop();
      continue;
    }
    const here = join(root, ...done, part);
    const target = options.keepLast && todo.length === 0 ? undefined : await linkTarget(here);
    if (target === undefined) {
      done.push(part);
      continue;
    }
    links++;
    if (links > mostLinks) {
      throw new CodedError('corrupt', `too many symbolic links on the way to ${inside}`, {
        data: { inside },
      });
    }
    if (target.startsWith('/')) done.length = 0;
    todo.push(...target.split('/').filter(isName).reverse());
  }
  return join(root, ...done);
}

function isName(part: string): boolean {
  return part !== '' && part !== '.';
}

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
