import { readdir, readFile, stat } from 'node:fs/promises';
import { release } from 'node:os';
import { CodedError, messageOf } from '../../errors/coded-error.ts';
import type { Need } from '../../inspect/restore-needs.ts';
import { criuFacts } from '../builtin/criu.ts';

/** Whether this node has what is needed; `unknown` where that shows only at a restore. */
export interface Met {
  readonly met: 'yes' | 'no' | 'unknown';
  /** What is here, or why it cannot be told. */
  readonly found: string;
}

export interface NodeNeed extends Need {
  readonly node: Met;
}

export interface NodeOptions {
  /** The container runtime's socket; found as the kubelet would where it is left out. */
  endpoint?: string;
  /** Says who has an image, where it is known whom to ask. */
  findImage?: (image: string) => Promise<string | undefined>;
  /** Where `/proc`, `/sys`, mounts and devices are. */
  root?: string;
  signal?: AbortSignal;
}

/** Compares what a restore needs with the node that this runs on. Nothing is changed, and no container touched. */
export async function compareWithNode(
  needs: readonly Need[],
  options: NodeOptions = {},
): Promise<NodeNeed[]> {
  const compared: NodeNeed[] = [];
  for (const need of needs) {
    const node = await check(need, options).catch(
      (error: unknown): Met => ({ met: 'unknown', found: messageOf(error) }),
    );
    compared.push({ ...need, node });
  }
  return compared;
}

function check(need: Need, options: NodeOptions): Promise<Met> {
  const checks: Partial<Record<Need['kind'], (need: Need, options: NodeOptions) => Promise<Met>>> = {
    machine: machineMet,
    processor: processorMet,
    kernel: kernelMet,
    criu: criuMet,
    'criu plugin': pluginMet,
    image: imageMet,
    'security module': moduleMet,
  };
  if (need.check?.path !== undefined) return pathMet(need, options);
  return checks[need.kind]?.(need, options) ?? Promise.resolve(givenAtRestore(need));
}

function givenAtRestore({ kind }: Need): Met {
  const who = kind === 'criu option' ? 'whoever restores has to ask for it' : 'only a restore shows it';
  return { met: 'unknown', found: who };
}

/** Names of machines, as Node and as Go write them. */
const machines: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  ppc64: 'ppc64le',
  s390x: 's390x',
};

async function machineMet({ what }: Need): Promise<Met> {
  const here = machines[process.arch] ?? process.arch;
  return { met: here === what ? 'yes' : 'no', found: here };
}

/** Most features that are named in an answer. */
const namedFeatures = 12;

async function processorMet(
  { check: { features = [] } = {} }: Need,
  { root = '/' }: NodeOptions,
): Promise<Met> {
  const text = await readFile(`${root}/proc/cpuinfo`, 'utf8');
  const line = /^(?:flags|Features)\s*: (.*)$/m.exec(text)?.[1];
  if (line === undefined) return { met: 'unknown', found: '/proc/cpuinfo says nothing of features' };
  const here = new Set(line.split(' '));
  const missing = features.filter((one) => !here.has(one));
  if (missing.length === 0)
    return { met: 'yes', found: features.length === 1 ? `${features[0]}` : 'all of them' };
  const more = missing.length > namedFeatures ? ` and ${missing.length - namedFeatures} more` : '';
  return { met: 'no', found: `without ${missing.slice(0, namedFeatures).join(' ')}${more}` };
}

/** An older kernel may do: what it lacks shows at the restore. */
async function kernelMet({ check: { version } = {} }: Need): Promise<Met> {
  const here = release();
  if (version === undefined) return { met: 'unknown', found: `Linux ${here}` };
  return { met: isOlder(here, version) ? 'unknown' : 'yes', found: `Linux ${here}` };
}

async function criuMet({ check: { version = '0' } = {} }: Need, { signal }: NodeOptions): Promise<Met> {
  try {
    const here = (await criuFacts('criu', signal ? { signal } : {})).version;
    return { met: isOlder(here, version) ? 'no' : 'yes', found: here };
  } catch (error) {
    if (error instanceof CodedError && error.code === 'failed-precondition') {
      return { met: 'no', found: error.message };
    }
    throw error;
  }
}

/** By the numbers in front of any other text. */
function isOlder(here: string, wanted: string): boolean {
  const [a, b] = [here, wanted].map((text) => /^[\d.]+/.exec(text)?.[0].split('.').map(Number) ?? []);
  for (let at = 0; at < Math.max(a?.length ?? 0, b?.length ?? 0); at++) {
    const difference = (a?.[at] ?? 0) - (b?.[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

const pluginFolders = ['usr/lib/criu', 'usr/lib64/criu', 'usr/local/lib/criu', 'usr/libexec/criu'];

async function pluginMet({ what }: Need, { root = '/' }: NodeOptions): Promise<Met> {
  const found: string[] = [];
  for (const folder of pluginFolders) {
    found.push(...(await readdir(`${root}/${folder}`).catch(() => [])));
  }
  const plugins = found.filter((name) => name.endsWith('.so'));
  if (plugins.includes(`${what}.so`)) return { met: 'yes', found: `${what}.so` };
  const others = plugins.length > 0 ? `only ${plugins.join(' ')}` : 'no plugins of CRIU';
  return { met: what.startsWith('for ') ? 'unknown' : 'no', found: others };
}

async function moduleMet({ what }: Need, { root = '/' }: NodeOptions): Promise<Met> {
  const modules = (await readFile(`${root}/sys/kernel/security/lsm`, 'utf8')).trim();
  return { met: modules.split(',').includes(what.toLowerCase()) ? 'yes' : 'no', found: modules };
}

async function pathMet(
  { check: { path = '', type = 'file' } = {} }: Need,
  { root = '' }: NodeOptions,
): Promise<Met> {
  try {
    const found = await stat(root + path);
    const is = found.isFile()
      ? 'file'
      : found.isDirectory()
        ? 'directory'
        : found.isCharacterDevice() || found.isBlockDevice()
          ? 'device'
          : 'something else';
    return is === type ? { met: 'yes', found: `a ${is}` } : { met: 'no', found: `a ${is}, not a ${type}` };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { met: 'no', found: 'it is not there' };
    return { met: 'unknown', found: code ?? messageOf(error) };
  }
}

async function imageMet({ check: { images = [] } = {} }: Need, options: NodeOptions): Promise<Met> {
  if (options.findImage) return imageFound(images, options.findImage);
  const [{ discoverEndpoint }, { openSocket }] = await Promise.all([
    import('./endpoint.ts'),
    import('./cri-runtime.ts'),
  ]);
  const endpoint = await discoverEndpoint(options.endpoint ? { flag: options.endpoint } : {});
  if (!endpoint) return { met: 'unknown', found: 'no container runtime was found that could be asked' };
  const socket = openSocket(endpoint.path);
  try {
    for (const image of images) {
      const call = { timeoutMs: 10_000, ...(options.signal ? { signal: options.signal } : {}) };
      const { image: found } = await socket.images.imageStatus({ image: { image } }, call);
      if (found) return { met: 'yes', found: `${found.id} of the runtime at ${endpoint.path}` };
    }
    return { met: 'no', found: `the runtime at ${endpoint.path} does not have it` };
  } catch (error) {
    return { met: 'unknown', found: `the runtime at ${endpoint.path}: ${messageOf(error)}` };
  } finally {
    socket.close();
  }
}

async function imageFound(
  images: readonly string[],
  find: (image: string) => Promise<string | undefined>,
): Promise<Met> {
  for (const image of images) {
    const found = await find(image);
    if (found !== undefined) return { met: 'yes', found };
  }
  return { met: 'no', found: 'the container runtime does not have it' };
}
