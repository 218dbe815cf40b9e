import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { longestLog } from '../../inspect/dump-log.ts';

/**
 * While CRIU puts its code into a process and takes it out again, the registers and the code that were there are
 * in CRIU's memory alone: a process whose CRIU is killed then never recovers. The log says when that begins and
 * when it is over: before the first the process is untouched, after the second it finds the way back by itself.
 */
const spans: readonly [begins: string, ends: string][] = [
  ['Parasite syscall_ip at', ' has been switched to daemon mode'],
  [' to trap\n', 'Dumping mm (pid'],
];

/** Whether CRIU may be killed where it is, by the log of its dump. */
export function mayBeKilled(log: string): boolean {
  return spans.every(([begins, ends]) => log.lastIndexOf(begins) <= log.lastIndexOf(ends));
}

/** Milliseconds to wait for a good moment. All of it takes CRIU some milliseconds for each process. */
const longestMs = 5_000;

/**
 * Stops the CRIU that writes its log in one of the folders, so that it can be killed: at a moment at which its
 * processes survive that. One that comes to none is stopped where it is.
 * @param pids Process numbers of the CRIUs; those that have ended meanwhile are left out.
 * @param folders Each with `work/dump.log`.
 */
export async function stopCriu(pids: readonly number[], folders: readonly string[]): Promise<void> {
  const end = performance.now() + longestMs;
  for (;;) {
    for (const pid of pids) send(pid, 'SIGSTOP');
    while ((await Promise.all(pids.map(runs))).includes(true) && performance.now() < end) await sleep(1);
    const logs = await Promise.all(folders.map(logIn));
    if (logs.every(mayBeKilled) || performance.now() > end) return;
    for (const pid of pids) send(pid, 'SIGCONT');
    await sleep(2);
  }
}

/** The folders below that belong to one dump each. */
export async function dumpFolders(scratch: string): Promise<string[]> {
  const names = await readdir(scratch).catch(() => []);
  return [scratch, ...names.map((name) => join(scratch, name))];
}

async function logIn(folder: string): Promise<string> {
  const text = await readFile(join(folder, 'work/dump.log'), 'latin1').catch(() => '');
  return text.slice(-longestLog);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself meanwhile.
  }
}

/** Not stopped yet, and not gone. */
async function runs(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return stat !== '' && !/\) [TtZX] /.test(stat);
}
