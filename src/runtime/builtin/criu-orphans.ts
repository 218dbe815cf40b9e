import { readdir, readFile } from 'node:fs/promises';
import { type Cgroups, readCgroupFile } from './cgroups.ts';

/** Milliseconds between two looks. */
const interval = 500;

/**
 * A CRIU that is killed in the middle of a restore leaves processes behind, and the runtime waits for ever, as they
 * hold the other end of its connection. So they are ended when the CRIU that the runtime started is dead and the
 * runtime has not noticed at the second look.
 * @param path The cgroup of the supervisor, where all of them are.
 * @returns Ends the watch.
 */
export function endCriuOrphans(cgroups: Cgroups, path: string): () => void {
  let dead: number | undefined;
  const look = async (): Promise<void> => {
    const { living, zombie } = await criusIn(cgroups, path);
    if (zombie !== undefined && zombie === dead) for (const pid of living) kill(pid);
    dead = zombie;
  };
  const timer = setInterval(() => void look().catch(() => undefined), interval);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * The CRIU processes that live, and the first dead one that its parent, the runtime, has not taken note of. A
 * cgroup does not list the dead; and what CRIU itself is the parent of may be a dead process that it restores.
 */
async function criusIn(
  cgroups: Cgroups,
  path: string,
): Promise<{ living: number[]; zombie: number | undefined }> {
  const text = (await readCgroupFile(cgroups, path, 'cgroup.procs')) ?? '';
  const living: number[] = [];
  let zombie: number | undefined;
  for (const pid of text.split('\n').filter(Boolean)) {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
    if (isCriu.test(stat)) {
      living.push(Number(pid));
      continue;
    }
    for (const child of await childrenOf(pid)) {
      const [, state] = isCriu.exec(await readFile(`/proc/${child}/stat`, 'latin1').catch(() => '')) ?? [];
      if (state === 'Z') zombie ??= Number(child);
    }
  }
  return { living, zombie };
}

/** Each thread has children of its own. */
async function childrenOf(pid: string): Promise<string[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = threads.map((thread) =>
    readFile(`/proc/${pid}/task/${thread}/children`, 'latin1').catch(() => ''),
  );
  return (await Promise.all(lists)).join(' ').split(' ').filter(Boolean);
}

const isCriu = /^\d+ \(criu\) (\S)/;

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself meanwhile.
  }
}
