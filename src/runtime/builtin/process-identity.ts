import { readFile } from 'node:fs/promises';
import { CodedError } from '../../errors/coded-error.ts';
import type { ProcessIdentity } from './records.ts';

/** Start time of a process in clock ticks since boot, undefined when it is gone or a zombie. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The name in parentheses may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  return state === 'Z' || state === 'X' ? undefined : fields[19];
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim();
}

/** @throws CodedError `not-found` when no such process lives. */
export async function identify(pid: number): Promise<ProcessIdentity> {
  const startTime = await startTimeOf(pid);
  if (startTime === undefined) throw new CodedError('not-found', `process ${pid} has ended`);
  return { pid, startTime, bootId: await bootId() };
}

/** The same, for one that may have ended meanwhile: what comes back then is alive for nobody. */
export async function identifyOrEnded(pid: number): Promise<ProcessIdentity> {
  return { pid, startTime: (await startTimeOf(pid)) ?? 'ended', bootId: await bootId() };
}

/** Whether exactly this process still lives: neither a zombie nor a later one with its number. */
export async function isAlive(process: ProcessIdentity): Promise<boolean> {
  if ((await startTimeOf(process.pid)) !== process.startTime) return false;
  return (await bootId()) === process.bootId;
}

/** The number in a pid file, undefined when there is none. */
export async function readPidFile(path: string): Promise<number | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'latin1');
  } catch {
    return undefined;
  }
  const pid = Number(text.trim());
  return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
}
