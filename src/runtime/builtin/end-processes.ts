import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../../errors/coded-error.ts';

/** How long killed processes may take to be gone. */
const endMs = 20_000;

/**
 * Kills the processes that `find` names until it names none: what they started meanwhile is found as well.
 * @returns Whether there was one.
 * @throws CodedError `deadline-exceeded` when one outlives that.
 */
export async function endProcesses(find: () => Promise<number[]>): Promise<boolean> {
  const until = performance.now() + endMs;
  for (let any = false; ; any = true) {
    const found = await find();
    if (found.length === 0) return any;
    if (performance.now() > until) {
      throw new CodedError('deadline-exceeded', `the processes ${found} go on ${endMs} ms after SIGKILL`);
    }
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself meanwhile.
      }
    }
    await sleep(10);
  }
}

/** Numbers of all processes that can be seen. */
export async function allProcesses(): Promise<number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
}

/** The arguments of a process, its program first; none of one that has ended. */
export async function argumentsOf(pid: number): Promise<string[]> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
}
