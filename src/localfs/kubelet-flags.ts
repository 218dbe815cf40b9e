import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** A kubelet among the processes of this machine. */
export interface KubeletProcess {
  pid: number;
  /** Its program's name. */
  program: string;
  /** As it was given, or the default. */
  rootDirectory: string;
  flags: Flags;
}

/** Values of command line flags, without the dashes. */
export type Flags = ReadonlyMap<string, string>;

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

/** Longest file of flags that is read, in bytes. */
const largest = 1 << 20;

/** The kubelet that works with `root` among the processes of this machine. */
export async function kubeletProcess(root: string, proc = '/proc'): Promise<KubeletProcess | undefined> {
  const wanted = await realpath(root).catch(() => root);
  for (const name of await readdir(proc).catch(() => [] as string[])) {
    if (!/^[0-9]+$/.test(name)) continue;
    const args = (await readFile(join(proc, name, 'cmdline'), 'utf8').catch(() => '')).split('\0');
    if (!isKubelet(args)) continue;
    const flags = flagsOf(args.slice(1));
    const rootDirectory = flags.get('root-dir') ?? '/var/lib/kubelet';
    if ((await realpath(rootDirectory).catch(() => rootDirectory)) === wanted) {
      return { pid: Number(name), program: basename(args[0] ?? ''), rootDirectory, flags };
    }
  }
  return undefined;
}

function isKubelet(args: readonly string[]): boolean {
  const program = basename(args[0] ?? '');
  if (!programs.has(program)) return false;
  return program !== 'hyperkube' || args.includes('kubelet');
}

/**
 * The flags that the kubelet of `root` has, or will be started with: kubeadm's, the administrator's (`/etc/default`,
 * `/etc/sysconfig`), and those of its process, each over the one before.
 */
export async function kubeletFlags(
  root: string,
  options: { proc?: string; etc?: string } = {},
): Promise<Flags> {
  const { proc, etc = '/etc' } = options;
  const all = new Map<string, string>();
  const own = root === '/var/lib/kubelet' || options.etc !== undefined;
  const files = [
    join(root, 'kubeadm-flags.env'),
    // What an administrator gave is meant for the machine's one kubelet, not for a copied directory.
    ...(own ? [join(etc, 'default/kubelet'), join(etc, 'sysconfig/kubelet')] : []),
  ];
  for (const file of files) for (const [name, value] of await flagsInFile(file)) all.set(name, value);
  for (const [name, value] of (await kubeletProcess(root, proc))?.flags ?? []) all.set(name, value);
  return all;
}

/** The flags in lines like `KUBELET_EXTRA_ARGS="--lock-file=/run/lock/kubelet.lock"`. */
async function flagsInFile(file: string): Promise<Flags> {
  const size = await stat(file).then(
    (found) => (found.isFile() ? found.size : 0),
    () => 0,
  );
  if (size === 0 || size > largest) return new Map();
  const text = await readFile(file, 'utf8').catch(() => '');
  const values = [...text.matchAll(/^[ \t]*(?:export[ \t]+)?[A-Z_]+=(.*)$/gm)].map(([, value = '']) => value);
  return flagsOf(values.flatMap((value) => value.replace(/["']/g, ' ').split(/\s+/)));
}

/** `--a=b`, `--a b` and `--a` (which is `true`). */
export function flagsOf(words: readonly string[]): Flags {
  const flags = new Map<string, string>();
  words.forEach((word, at) => {
    const [, name, joined] = /^--?([a-z0-9][a-z0-9-]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) return;
    const next = words[at + 1];
    flags.set(name, joined ?? (next !== undefined && next !== '' && !next.startsWith('-') ? next : 'true'));
  });
  return flags;
}
