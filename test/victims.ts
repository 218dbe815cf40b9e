/** Processes that tests kill. */
import { readdirSync, readFileSync } from 'node:fs';

/** Below this process only: other test files have crun and criu running at the same time. */
export function processesNamed(name: string): number[] {
  const found = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return found.filter((pid) => factsOf(pid).comm === name && isBelowUs(pid)).map(Number);
}

function isBelowUs(pid: string): boolean {
  for (let at = pid; at !== '0' && at !== ''; at = factsOf(at).parent) {
    if (at === String(process.pid)) return true;
  }
  return false;
}

function factsOf(pid: string): { comm: string; parent: string } {
  try {
    const [, comm = '', parent = ''] =
      /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    return { comm, parent };
  } catch {
    return { comm: '', parent: '' };
  }
}

/** In one cgroup only: the supervisor of a container and what it has started. */
export function namedIn(cgroup: string, name: string): number[] {
  try {
    const pids = readFileSync(`${cgroup}/cgroup.procs`, 'latin1').split('\n').filter(Boolean);
    return pids.filter((pid) => factsOf(pid).comm === name).map(Number);
  } catch {
    return [];
  }
}
