import { readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { kubeletFlags, kubeletProcess } from './kubelet-flags.ts';

/** A kubelet that works with a root directory. */
export interface RunningKubelet {
  /** Undefined where only its socket answers: it is in another process namespace. */
  pid?: number;
  /** How it was found, for messages. */
  how: string;
}

/** Sockets that only a living kubelet answers on, below its root directory. */
const sockets = ['pod-resources/kubelet.sock', 'device-plugins/kubelet.sock'];

/**
 * The kubelet that works with `root`, if there is one: by the processes of this machine, by its sockets, and by the
 * lock that it holds where it is started with `--lock-file`.
 */
export async function runningKubelet(
  root: string,
  places: { proc?: string; etc?: string } = {},
): Promise<RunningKubelet | undefined> {
  const { proc = '/proc' } = places;
  const found = await kubeletProcess(root, proc);
  if (found) {
    const { pid, program, rootDirectory } = found;
    return { pid, how: `process ${pid} is ${program} with --root-dir ${rootDirectory}` };
  }
  for (const socket of sockets) {
    const path = join(root, socket);
    if (await answers(path)) return { how: `a process answers on ${path}` };
  }
  const lock = (await kubeletFlags(root, places)).get('lock-file');
  const pid = lock === undefined ? undefined : await holderOf(lock, proc);
  return pid === undefined ? undefined : { pid, how: `process ${pid} holds the kubelet’s lock file ${lock}` };
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (value: boolean): void => {
      socket.destroy();
      resolve(value);
    };
    socket.setTimeout(1000, () => done(true));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

/** The process that has a lock (flock) on the file, by the kernel's list of locks. */
async function holderOf(path: string, proc: string): Promise<number | undefined> {
  const file = await stat(path, { bigint: true }).catch(() => undefined);
  if (!file) return undefined;
  const major = ((file.dev >> 8n) & 0xfffn) | ((file.dev >> 32n) & ~0xfffn);
  const minor = (file.dev & 0xffn) | ((file.dev >> 12n) & ~0xffn);
  const hex = (number: bigint): string => number.toString(16).padStart(2, '0');
  const wanted = `${hex(major)}:${hex(minor)}:${file.ino}`;
  for (const line of (await readFile(join(proc, 'locks'), 'utf8').catch(() => '')).split('\n')) {
    // "1: FLOCK  ADVISORY  WRITE 1234 00:18:42 0 EOF"; a waiting one has an arrow.
    const [, kind, , , pid, where] = line.trim().split(/\s+/);
    if (kind === 'FLOCK' && where === wanted) return Number(pid);
  }
  return undefined;
}
