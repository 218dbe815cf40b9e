import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../errors/coded-error.ts';
import { type DNSConfig, NamespaceMode, type PodSandboxConfig } from '../../gen/cri/v1/api_pb.ts';
import { privateDirectory, writeFileAtomic } from '../../localfs/atomic-file.ts';
import { makeDirectories } from '../../localfs/make-directories.ts';
import { type Cgroups, makeCgroup, removeCgroup } from './cgroups.ts';
import { isMounted, mountPoints, mountTmpfs, unmount } from './mounts.ts';
import { type RuntimePaths, sandboxDirectory, sandboxState } from './paths.ts';
import type { SandboxRecord } from './records.ts';
import { runProgram } from './run-program.ts';

const shmBytes = 64 << 20;

/**
 * Whether the pod can be made here at all.
 * @throws CodedError `invalid-argument` or `unsupported`, naming the field.
 */
export function checkSandboxConfig(config: PodSandboxConfig): void {
  const { name = '', namespace = '', uid = '' } = config.metadata ?? {};
  if (name === '' || namespace === '' || uid === '') {
    throw new CodedError('invalid-argument', 'a pod needs a name, a namespace and a uid in its metadata');
  }
  const options = config.linux?.securityContext?.namespaceOptions;
  if (options?.usernsOptions !== undefined && options.usernsOptions.mode !== NamespaceMode.NODE) {
    throw new CodedError('unsupported', 'a user namespace for the pod is not supported');
  }
  if (!/^[A-Za-z0-9.-]{0,64}$/.test(config.hostname)) {
    throw new CodedError('invalid-argument', `${JSON.stringify(config.hostname)} cannot be a host name`);
  }
  if (config.logDirectory !== '' && !config.logDirectory.startsWith('/')) {
    throw new CodedError('invalid-argument', 'log_directory must be an absolute path');
  }
}

/** The cgroup that holds those of a pod's containers. */
export function podCgroup(config: PodSandboxConfig, id: string): string {
  const parent = config.linux?.cgroupParent || '/stasis';
  if (!parent.startsWith('/') || parent.split('/').includes('..')) {
    throw new CodedError('invalid-argument', `cgroup_parent ${JSON.stringify(parent)} is not a plain path`);
  }
  return join(parent, id);
}

/**
 * Makes what the containers of a pod share: files for /etc, namespaces, /dev/shm, the cgroup. Namespaces live
 * in files that they are mounted on, so no process has to stay; the network has a loopback device and nothing
 * else. Fills in `namespaces` and `shm` of the record.
 */
export async function makeSandbox(
  paths: RuntimePaths,
  cgroups: Cgroups,
  record: SandboxRecord,
  signal: AbortSignal,
): Promise<void> {
  const state = sandboxState(paths, record.id);
  await makeDirectories(join(state, 'ns'), privateDirectory);
  await writeNetworkFiles(paths, record);
  await makeCgroup(cgroups, record.cgroup);
  const options = record.config.linux?.securityContext?.namespaceOptions;
  record.namespaces = await makeNamespaces(join(state, 'ns'), options?.network, options?.ipc, signal);
  if (record.namespaces.ipc === undefined) return;
  record.shm = join(state, 'shm');
  await makeDirectories(record.shm, 0o1777);
  await mountTmpfs(record.shm, 0o1777, shmBytes);
}

async function makeNamespaces(
  folder: string,
  network: NamespaceMode | undefined,
  ipc: NamespaceMode | undefined,
  signal: AbortSignal,
): Promise<SandboxRecord['namespaces']> {
  const made: SandboxRecord['namespaces'] = {};
  const args: string[] = [];
  const hold = async (name: 'net' | 'ipc' | 'uts'): Promise<string> => {
    const file = join(folder, name);
    await (await open(file, 'a', 0o600)).close();
    args.push(`--${name}=${file}`);
    return file;
  };
  // As everywhere, a pod on the node's network has the node's name too.
  if (network !== NamespaceMode.NODE) {
    made.network = await hold('net');
    made.uts = await hold('uts');
  }
  if (ipc !== NamespaceMode.NODE) made.ipc = await hold('ipc');
  if (args.length === 0) return made;
  const inside = made.network === undefined ? ['true'] : ['ip', 'link', 'set', 'lo', 'up'];
  const run = await runProgram('unshare', [...args, ...inside], { signal });
  if (run.status !== 0) {
    throw new CodedError('internal', `making the pod's namespaces: ${run.stderr.trim()}`);
  }
  return made;
}

async function writeNetworkFiles(paths: RuntimePaths, record: SandboxRecord): Promise<void> {
  const folder = sandboxDirectory(paths, record.id);
  const { config } = record;
  const hostname = config.hostname || (await nodeName());
  await writeFileAtomic(join(folder, 'hosts'), await hostsFile(config, '127.0.0.1'), 0o644);
  await writeFileAtomic(join(folder, 'hostname'), text([hostname]), 0o644);
  const resolver = config.dnsConfig ? dnsLines(config.dnsConfig) : await nodeResolver();
  await writeFileAtomic(join(folder, 'resolv.conf'), text(resolver), 0o644);
}

/** /etc/hosts of a pod whose own name stands for `address`. */
export async function hostsFile(config: PodSandboxConfig, address: string): Promise<Uint8Array> {
  const hostname = config.hostname || (await nodeName());
  return text([
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...(hostname === 'localhost' ? [] : [`${address}\t${hostname}`]),
  ]);
}

function text(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''));
}

function dnsLines(dns: DNSConfig): string[] {
  for (const word of [...dns.servers, ...dns.searches, ...dns.options]) {
    if (/\s/.test(word)) throw new CodedError('invalid-argument', `dns_config: ${JSON.stringify(word)}`);
  }
  return [
    ...(dns.searches.length > 0 ? [`search ${dns.searches.join(' ')}`] : []),
    ...dns.servers.map((server) => `nameserver ${server}`),
    ...(dns.options.length > 0 ? [`options ${dns.options.join(' ')}`] : []),
  ];
}

async function nodeResolver(): Promise<string[]> {
  const found = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  return found.split('\n').filter((line) => line !== '');
}

async function nodeName(): Promise<string> {
  return (await readFile('/proc/sys/kernel/hostname', 'utf8')).trim();
}

/** Whether what the pod's containers join is still there; a reboot takes it away. */
export async function sandboxLives(record: SandboxRecord): Promise<boolean> {
  const mounted = new Set(await mountPoints());
  const held = [...Object.values(record.namespaces), record.shm].filter((path) => path !== undefined);
  return held.every((path) => mounted.has(path));
}

/** Gives back namespaces, /dev/shm and the cgroup; the files in /etc stay until the pod is removed. */
export async function releaseSandbox(paths: RuntimePaths, cgroups: Cgroups, id: string, cgroup?: string) {
  const state = sandboxState(paths, id);
  for (const name of ['net', 'ipc', 'uts']) await unmount(join(state, 'ns', name));
  if (await isMounted(join(state, 'shm'))) await unmount(join(state, 'shm'));
  if (cgroup !== undefined) await removeCgroup(cgroups, cgroup);
  await rm(state, { recursive: true, force: true });
}
