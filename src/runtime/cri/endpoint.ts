import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, messageOf } from '../../errors/coded-error.ts';

/** Where a container runtime listens, and who said so. */
export interface Endpoint {
  /** Path of its socket. */
  path: string;
  /** `--container-runtime-endpoint`, the name of a file, or `a usual socket`. */
  from: string;
}

/** Sockets of the runtimes that a node may have, in the order in which they are tried. */
export const usualSockets: readonly string[] = [
  '/run/containerd/containerd.sock',
  '/var/run/crio/crio.sock',
  '/var/run/cri-dockerd.sock',
];

/** The socket of Kubernetes 1.23 and before, where the kubelet itself spoke with Docker. */
export const dockershimSocket = '/var/run/dockershim.sock';

/** Longest path that a unix socket can have on Linux, in bytes. */
const longestPath = 107;
/** Longest configuration file that is read, in characters. */
const longestFile = 1 << 20;

/**
 * The path in `unix:///run/x.sock`, or in a bare absolute path.
 * @param setting what it was given as, for the message
 * @throws CodedError `invalid-argument` for every other kind of address
 */
export function parseEndpoint(text: string, setting: string): string {
  const refuse = (why: string): CodedError =>
    new CodedError('invalid-argument', `${setting} is ${JSON.stringify(text)}: ${why}`);
  const path = text.startsWith('unix:') ? text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '') : text;
  if (!path.startsWith('/') || path.startsWith('//')) {
    throw refuse(
      'container runtimes are spoken to over a unix socket, as unix:///run/containerd/containerd.sock',
    );
  }
  if (path.includes('\0')) throw refuse('it holds a NUL');
  if (Buffer.byteLength(path) > longestPath) throw refuse(`a socket's path has at most ${longestPath} bytes`);
  return path;
}

export interface DiscoverOptions {
  /** What the command line says. */
  flag?: string | undefined;
  /** Root directory of the kubelet; its configuration is looked for there. */
  kubeletRoot?: string;
  /** Another place of the kubelet's configuration. */
  kubeletConfig?: string | undefined;
  /** Where `/etc` and `/run` are; `/` where left out. */
  root?: string;
}

/**
 * The socket of this node's container runtime: the first of the flag, what kubeadm told the kubelet, the
 * kubelet's configuration, crictl's configuration, and the usual sockets that exist.
 * @returns undefined where nothing says anything and no usual socket exists
 * @throws CodedError `invalid-argument`, `corrupt` for a setting that cannot be followed
 */
export async function discoverEndpoint(options: DiscoverOptions = {}): Promise<Endpoint | undefined> {
  const { flag, kubeletRoot = '/var/lib/kubelet', root = '/' } = options;
  if (flag) {
    return {
      path: parseEndpoint(flag, '--container-runtime-endpoint'),
      from: '--container-runtime-endpoint',
    };
  }
  const flags = join(kubeletRoot, 'kubeadm-flags.env');
  const config = options.kubeletConfig ?? join(kubeletRoot, 'config.yaml');
  const crictl = join(root, 'etc/crictl.yaml');
  const said =
    found(flags, kubeadmEndpoint((await textOf(flags)) ?? '')) ??
    found(config, await memberOf(config, 'containerRuntimeEndpoint')) ??
    found(crictl, await memberOf(crictl, 'runtime-endpoint'));
  if (said) return said;
  for (const socket of usualSockets) {
    const path = join(root, socket);
    if (await isSocket(path)) return { path, from: 'a usual socket' };
  }
  return undefined;
}

function found(file: string, value: string | undefined): Endpoint | undefined {
  return value === undefined || value === '' ? undefined : { path: parseEndpoint(value, file), from: file };
}

/** The endpoint in the line that kubeadm writes for the kubelet's service. */
function kubeadmEndpoint(text: string): string | undefined {
  return /--container-runtime-endpoint[= ]([^\s"']+)/.exec(text)?.[1];
}

async function memberOf(file: string, member: string): Promise<string | undefined> {
  const text = await textOf(file);
  if (text === undefined) return undefined;
  const { parse } = await import('yaml');
  try {
    const value: unknown = parse(text, { maxAliasCount: 10 });
    const found = value && typeof value === 'object' ? (value as Record<string, unknown>)[member] : undefined;
    return typeof found === 'string' ? found : undefined;
  } catch (error) {
    throw new CodedError('corrupt', `reading ${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** The text of a file; undefined where there is none. */
async function textOf(file: string): Promise<string | undefined> {
  try {
    if ((await stat(file)).size <= longestFile) return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CodedError('permission-denied', `reading ${file}: ${messageOf(error)}`, { cause: error });
  }
  throw new CodedError('resource-exhausted', `${file} is longer than ${longestFile} bytes`);
}

function isSocket(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isSocket(),
    () => false,
  );
}
