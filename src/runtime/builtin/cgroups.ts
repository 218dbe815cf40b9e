import { readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../../errors/coded-error.ts';
import { makeDirectories } from '../../localfs/make-directories.ts';
import { mountTable } from './mounts.ts';

/** The cgroup2 hierarchy as this process sees it. */
export interface Cgroups {
  /** Where it is mounted. */
  readonly mount: string;
  /** Controllers that can limit something here: `cpu`, `memory`, … */
  readonly controllers: ReadonlySet<string>;
}

/** @throws CodedError `failed-precondition` on a machine without cgroup version 2. */
export async function findCgroups(): Promise<Cgroups> {
  const found = (await mountTable()).find((entry) => entry.type === 'cgroup2');
  if (found === undefined) {
    throw new CodedError('failed-precondition', 'no cgroup2 file system is mounted', {
      hint: 'containers are frozen and counted through cgroup version 2: mount it at /sys/fs/cgroup',
    });
  }
  const text = await readFile(join(found.point, 'cgroup.controllers'), 'latin1');
  return { mount: found.point, controllers: new Set(text.trim().split(' ').filter(Boolean)) };
}

/** Makes a cgroup; `path` is below the mount, with a leading slash. */
export async function makeCgroup(cgroups: Cgroups, path: string): Promise<void> {
  await makeDirectories(join(cgroups.mount, path), 0o777);
}

/** Moves a process into a cgroup. */
export async function enterCgroup(cgroups: Cgroups, path: string, pid: number): Promise<void> {
  await makeCgroup(cgroups, path);
  await writeFile(join(cgroups.mount, path, 'cgroup.procs'), String(pid));
}

/** How long the kernel may hold on to the cgroup of processes that have just ended. */
const removeMs = 5_000;

/**
 * Kills whatever is in the cgroup and below, and removes it; one that is not there is no error.
 * @throws CodedError `internal` when it cannot be removed.
 */
export async function removeCgroup(cgroups: Cgroups, path: string): Promise<void> {
  const folder = join(cgroups.mount, path);
  await writeFile(join(folder, 'cgroup.kill'), '1').catch(ignoreGone);
  const until = performance.now() + removeMs;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    const left = await removeTree(folder);
    if (left === undefined) return;
    if (performance.now() > until) {
      throw new CodedError('internal', `removing the cgroup ${folder}: ${left}`, { data: { folder } });
    }
    await sleep(pause);
  }
}

/** Children first; what the kernel says when something is still there. */
async function removeTree(folder: string): Promise<string | undefined> {
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const left = await removeTree(join(folder, entry.name));
      if (left !== undefined) return left;
    }
    await rmdir(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? undefined : message;
  }
  return undefined;
}

/** The text of one file of a cgroup; undefined when the controller or the cgroup is not there. */
export async function readCgroupFile(
  cgroups: Cgroups,
  path: string,
  file: string,
): Promise<string | undefined> {
  return readFile(join(cgroups.mount, path, file), 'latin1').catch(() => undefined);
}

function ignoreGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
