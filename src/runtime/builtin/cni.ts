import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, messageOf } from '../../errors/coded-error.ts';
import { runProgram } from './run-program.ts';

/** Where plugins and their configuration are; CNI's usual places where left out. */
export interface CniPlaces {
  configDirectory: string;
  binDirectories: readonly string[];
}

export const usualCniPlaces: CniPlaces = {
  configDirectory: '/etc/cni/net.d',
  binDirectories: ['/opt/cni/bin', '/usr/lib/cni'],
};

/** A list of plugins, as its file says. */
export interface CniNetwork {
  name: string;
  cniVersion: string;
  disableCheck: boolean;
  plugins: readonly Readonly<Record<string, unknown>>[];
}

/** What a pod is in: kept with it, so that it leaves the network by the configuration by which it came. */
export interface CniAttachment {
  network: CniNetwork;
  /** The last plugin's answer; absent while the first was being asked. */
  result?: Readonly<Record<string, unknown>>;
}

export interface CniPod {
  id: string;
  namespace: string;
  name: string;
  uid: string;
  /** File that holds its network namespace; empty where that is gone. */
  netns: string;
  portMappings: readonly { hostPort: number; containerPort: number; protocol: string; hostIP: string }[];
}

const interfaceName = 'eth0';
const largestConfig = 1 << 20;
const pluginMs = 60_000;

/**
 * The network that the first file of the configuration describes; undefined where there is none.
 * @throws CodedError `corrupt` for a file that describes none
 */
export async function readCniNetwork({ configDirectory }: CniPlaces): Promise<CniNetwork | undefined> {
  const names = await readdir(configDirectory).catch(() => [] as string[]);
  const file = names.filter((name) => /\.(?:conflist|conf|json)$/.test(name)).sort()[0];
  if (file === undefined) return undefined;
  const path = join(configDirectory, file);
  const handle = await open(path, 'r');
  try {
    if ((await handle.stat()).size > largestConfig)
      throw new Error(`it has more than ${largestConfig} bytes`);
    return networkIn(JSON.parse(await handle.readFile('utf8')));
  } catch (error) {
    throw new CodedError('corrupt', `the CNI configuration ${path}: ${messageOf(error)}`, { cause: error });
  } finally {
    await handle.close();
  }
}

function networkIn(data: unknown): CniNetwork {
  const {
    name,
    cniVersion = '0.2.0',
    disableCheck = false,
    plugins,
    ...rest
  } = data as Record<string, unknown>;
  const list = plugins ?? [{ name, ...rest }];
  const named = (plugin: unknown): plugin is Record<string, unknown> =>
    typeof (plugin as { type?: unknown })?.type === 'string' &&
    /^[-\w.]+$/.test((plugin as { type: string }).type);
  if (
    typeof name !== 'string' ||
    typeof cniVersion !== 'string' ||
    !Array.isArray(list) ||
    !list.every(named)
  ) {
    throw new Error('it has no name, or plugins without a type');
  }
  return { name, cniVersion, disableCheck: disableCheck === true, plugins: list };
}

/**
 * Brings a pod into a network: each plugin is asked in turn and sees what those before it made.
 * @throws CodedError with the plugin's own words
 */
export async function addToNetwork(
  places: CniPlaces,
  network: CniNetwork,
  pod: CniPod,
  signal?: AbortSignal,
): Promise<CniAttachment> {
  let result: Readonly<Record<string, unknown>> | undefined;
  for (const plugin of network.plugins) {
    result =
      (await callPlugin('ADD', places, { network, ...(result ? { result } : {}) }, plugin, pod, signal)) ??
      result;
  }
  return { network, ...(result ? { result } : {}) };
}

/** Takes a pod out of its network, the last plugin first. What is gone already is no error to plugins. */
export async function removeFromNetwork(
  places: CniPlaces,
  attachment: CniAttachment,
  pod: CniPod,
): Promise<void> {
  for (const plugin of attachment.network.plugins.toReversed()) {
    await callPlugin('DEL', places, attachment, plugin, pod);
  }
}

/** Asks the plugins whether the pod is still in its network. @throws CodedError with what is wrong */
export async function checkNetwork(places: CniPlaces, attachment: CniAttachment, pod: CniPod): Promise<void> {
  const { network, result } = attachment;
  const [major = 0, minor = 0] = network.cniVersion.split('.').map(Number);
  if (network.disableCheck || !result || (major === 0 && minor < 4)) return;
  for (const plugin of network.plugins) await callPlugin('CHECK', places, attachment, plugin, pod);
}

/** The pod's own addresses, the first one first. */
export function addressesOf({ result }: CniAttachment): string[] {
  const ips = Array.isArray(result?.['ips']) ? result['ips'] : [];
  return ips.flatMap((item: unknown) => {
    const { address } = (item ?? {}) as { address?: unknown };
    return typeof address === 'string' ? [address.split('/')[0] ?? ''] : [];
  });
}

async function callPlugin(
  command: 'ADD' | 'DEL' | 'CHECK',
  places: CniPlaces,
  { network, result }: CniAttachment,
  plugin: Readonly<Record<string, unknown>>,
  pod: CniPod,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const type = String(plugin['type']);
  const doing = `CNI network ${network.name}, plugin ${type}, ${command}`;
  const capabilities = (plugin['capabilities'] ?? {}) as Record<string, unknown>;
  const ports = pod.portMappings.filter(({ hostPort }) => hostPort > 0);
  const runtimeConfig =
    capabilities['portMappings'] === true && ports.length > 0 ? { portMappings: ports } : undefined;
  const { capabilities: _capabilities, ...own } = plugin;
  const run = await runProgram(await findPlugin(places, type, doing), [], {
    timeoutMs: pluginMs,
    signal,
    stdin: JSON.stringify({
      ...own,
      ...{ name: network.name, cniVersion: network.cniVersion },
      ...(result ? { prevResult: result } : {}),
      ...(runtimeConfig ? { runtimeConfig } : {}),
    }),
    env: {
      PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
      CNI_COMMAND: command,
      CNI_CONTAINERID: pod.id,
      CNI_NETNS: pod.netns,
      CNI_IFNAME: interfaceName,
      CNI_PATH: places.binDirectories.join(':'),
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${pod.namespace};K8S_POD_NAME=${pod.name};K8S_POD_INFRA_CONTAINER_ID=${pod.id};K8S_POD_UID=${pod.uid}`,
    },
  });
  const answer = parsed(run.stdout);
  if (run.status !== 0) {
    const { msg, details } = answer ?? {};
    const said = typeof msg === 'string' ? [msg, details].filter(Boolean).join(': ') : run.stderr.trim();
    throw new CodedError('internal', `${doing}: ${said || `it ended with status ${run.status}`}`);
  }
  if (command === 'ADD' && !answer && run.stdout.trim() !== '')
    throw new CodedError('internal', `${doing}: its answer is not JSON`);
  return answer;
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

async function findPlugin({ binDirectories }: CniPlaces, type: string, doing: string): Promise<string> {
  for (const directory of binDirectories) {
    const path = join(directory, type);
    if ((await stat(path).catch(() => undefined))?.isFile()) return path;
  }
  throw new CodedError('failed-precondition', `${doing}: it is in none of ${binDirectories.join(', ')}`, {
    hint: 'install the plugin (Debian: containernetworking-plugins), or take its configuration away',
  });
}
