import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type MountEntry, mountTable } from '../runtime/builtin/mounts.ts';

/**
 * Whether anything on this machine holds a container to CPUs and NUMA nodes: a controller that the kernel has, and
 * that no mounted hierarchy offers, does not.
 * @param mounts of this process; read where left out
 */
export async function hasCpuset(mounts?: readonly MountEntry[]): Promise<boolean> {
  for (const { type, point, options } of mounts ?? (await mountTable())) {
    if (type === 'cgroup' && options.includes('cpuset')) return true;
    if (type !== 'cgroup2') continue;
    const offered = await readFile(join(point, 'cgroup.controllers'), 'latin1').catch(() => '');
    if (offered.split(/\s/).includes('cpuset')) return true;
  }
  return false;
}
