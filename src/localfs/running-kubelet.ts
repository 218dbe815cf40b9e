import { readdir, readFile, realpath } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, join } from 'node:path';

/** A kubelet that works with a root directory. */
export interface RunningKubelet {
  /** Undefined where only its socket answers: it is in another process namespace. */
  pid?: number;
  /** How it was found, for messages. */
  how: string;
}

/** Programs that are a kubelet, or have one inside. */
const programs = new Set([
  'kubelet',
  'hyperkube',
  'k3s',
  'k3s-agent',
  'k3s-server',
  'k0s',
  'rke2',
  'kubelite',
]);

/** Sockets that only a living kubelet answers on, below its root directory. */
const sockets = ['pod-resources/kubelet.sock', 'device-plugins/kubelet.sock'];

/** The kubelet that works with `root`, if there is one: by the processes of this machine and by its sockets. */
export async function runningKubelet(root: string, proc = '/proc'): Promise<RunningKubelet | undefined> {
  const wanted = await realpath(root).catch(() => root);
  for (const name of await readdir(proc).catch(() => [] as string[])) {
    if (!/^[0-9]+$/.test(name)) continue;
    const args = (await readFile(join(proc, name, 'cmdline'), 'utf8').catch(() => '')).split('\0');
    if (!isKubelet(args)) continue;
    const its = rootDirectory(args);
    if ((await realpath(its).catch(() => its)) === wanted) {
      return {
        pid: Number(name),
        how: `process ${name} is ${basename(args[0] ?? '')} with --root-dir ${its}`,
      };
    }
  }
  for (const socket of sockets) {
    const path = join(root, socket);
    if (await answers(path)) return { how: `a process answers on ${path}` };
  }
  return undefined;
}

function isKubelet(args: readonly string[]): boolean {
  const program = basename(args[0] ?? '');
  if (!programs.has(program)) return false;
  return program !== 'hyperkube' || args.includes('kubelet');
}

function rootDirectory(args: readonly string[]): string {
  const at = args.findIndex((arg) => arg === '--root-dir' || arg.startsWith('--root-dir='));
  if (at < 0) return '/var/lib/kubelet';
  const joined = args[at]?.split('=')[1];
  return joined ?? args[at + 1] ?? '/var/lib/kubelet';
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
