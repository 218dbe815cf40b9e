import { readFile } from 'node:fs/promises';
import { type Cgroups, readCgroupFile } from './cgroups.ts';

/** Milliseconds between two looks. */
const interval = 500;

/**
 * A CRIU that is killed in the middle of a restore leaves processes behind, and the runtime waits for ever, as they
 * hold the other end of its connection. So they are ended when the first CRIU is dead and the runtime has not
 * noticed at the second look.
 * @param path The cgroup of the supervisor, where all of them are.
 * @returns Ends the watch.
 */
export function endCriuOrphans(cgroups: Cgroups, path: string): () => void {
  let dead: number | undefined;
  const look = async (): Promise<void> => {
    const found = await criusIn(cgroups, path);
    const zombie = found.find(({ state }) => state === 'Z')?.pid;
    if (zombie !== undefined && zombie === dead) {
      for (const { pid, state } of found) if (state !== 'Z') kill(pid);
    }
    dead = zombie;
  };
  const timer = setInterval(() => void look().catch(() => undefined), interval);
  timer.unref();
  return () => clearInterval(timer);
}

async function criusIn(cgroups: Cgroups, path: string): Promise<{ pid: number; state: string }[]> {
  const text = (await readCgroupFile(cgroups, path, 'cgroup.procs')) ?? '';
  const found: { pid: number; state: string }[] = [];
  for (const pid of text.split('\n').filter(Boolean)) {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
    const [, state] = /^\d+ \(criu\) (\S)/.exec(stat) ?? [];
    if (state !== undefined) found.push({ pid: Number(pid), state });
  }
  return found;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself meanwhile.
  }
}
