import { readFile } from 'node:fs/promises';

/** Whether anything on this machine holds a container to CPUs and NUMA nodes. */
export async function hasCpuset(): Promise<boolean> {
  const read = (path: string) => readFile(path, 'latin1').catch(() => '');
  const unified = await read('/sys/fs/cgroup/cgroup.controllers');
  return unified.split(/\s/).includes('cpuset') || /^cpuset\s.*\s1$/m.test(await read('/proc/cgroups'));
}
