import { join } from 'node:path';
import type { StasisClient } from '../api/client.ts';
import { type ClientFile, clientFileName } from '../api/client-file.ts';
import type { HttpsTarget } from '../kube/https-send.ts';
import { CommandError, type Flags, type FlagValues, UsageError } from './command.ts';
import { printable } from './output/escape.ts';

/** The flags of every command that talks to the daemon. */
export const daemonFlags = {
  'root-dir': {
    kind: 'string',
    default: '/var/lib/kubelet',
    usage: 'root directory of the daemon on this node, a `DIR` that tells how to reach it',
    complete: 'directories',
  },
  server: { kind: 'string', usage: 'the daemon at another place, a `URL` such as https://node:10250' },
  'token-file': { kind: 'string', usage: '`FILE` with a bearer token', complete: 'files' },
  'client-certificate': { kind: 'string', usage: '`FILE` with a client certificate', complete: 'files' },
  'client-key': { kind: 'string', usage: '`FILE` with its key', complete: 'files' },
  'certificate-authority': {
    kind: 'string',
    usage: '`FILE` with the authorities that the daemon is trusted by',
    complete: 'files',
  },
} as const satisfies Flags;

/** Which volumes are captured with a pod. */
export const volumesFlag = {
  kind: 'enum',
  values: ['emptydir', 'none'],
  usage: 'what of the volumes of a pod goes into its archive; emptydir where it is left out',
} as const;

export type DaemonFlags = FlagValues<typeof daemonFlags>;

/**
 * The daemon as the flags say: with `--server` at that place and with the credentials given, else the one of
 * `--root-dir` as root of this node.
 */
export async function daemonClient(flags: DaemonFlags): Promise<StasisClient> {
  return clientOf(await daemonTarget(flags));
}

/** Where it is, and as whom we come. */
export async function daemonTarget(flags: DaemonFlags): Promise<HttpsTarget> {
  if (!flags.server) return localTarget(flags['root-dir']);
  if (!flags['client-certificate'] !== !flags['client-key']) {
    throw new UsageError('--client-certificate and --client-key are given together or not at all');
  }
  const token = (await fileOf(flags['token-file']))?.trim();
  const certificate = await fileOf(flags['client-certificate']);
  const key = await fileOf(flags['client-key']);
  const authorities = await fileOf(flags['certificate-authority']);
  return {
    server: flags.server,
    ...(token ? { token } : {}),
    ...(certificate && key ? { certificate, key } : {}),
    ...(authorities ? { authorities } : {}),
  };
}

async function localTarget(rootDirectory: string): Promise<HttpsTarget> {
  const path = join(rootDirectory, 'stasis', clientFileName);
  let file: ClientFile;
  try {
    file = JSON.parse((await fileOf(path)) ?? '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT' ? 'it is not there' : code === 'EACCES' ? 'only root may' : 'it is not JSON';
    throw new CommandError(`reading ${printable(path)}: ${reason}`, {
      code: code === 'EACCES' ? 'permission-denied' : 'unavailable',
      hint: 'name the root directory of a running stasisd with --root-dir, or its address with --server',
      cause: error,
    });
  }
  return { server: file.server, token: file.token, pinned: file.certificate };
}

/** Help and completion read the flags of every command: what speaks HTTPS is loaded for those who speak it. */
async function clientOf(target: HttpsTarget): Promise<StasisClient> {
  const [{ StasisClient }, { httpsSend, httpsStream }] = await Promise.all([
    import('../api/client.ts'),
    import('../kube/https-send.ts'),
  ]);
  return new StasisClient(httpsSend(target), httpsStream(target));
}

async function fileOf(path: string): Promise<string | undefined> {
  if (!path) return undefined;
  const { readFile } = await import('node:fs/promises');
  return readFile(path, 'utf8');
}

/** Seconds of `--timeout`, or undefined where it was not given. */
export function timeoutOf(timeout: number, given: ReadonlySet<string>): number | undefined {
  if (!given.has('timeout')) return undefined;
  if (timeout < 0) throw new UsageError('--timeout is negative');
  return timeout;
}

/** `namespace/name` and so on, taken apart. @throws UsageError unless there are as many parts as names. */
export function partsOf(text: string, ...names: readonly string[]): string[] {
  const parts = text.split('/');
  if (parts.length === names.length && parts.every((part) => part !== '')) return parts;
  throw new UsageError(`"${printable(text)}" is not ${names.join('/')}`);
}
