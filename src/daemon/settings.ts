import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { CodedError } from '../errors/coded-error.ts';
import { type WhenBusy, whenBusy } from '../pods/container-checkpoints.ts';
import { parseQuantity } from '../pods/quantity.ts';
import { type CniPlaces, usualCniPlaces } from '../runtime/builtin/cni.ts';
import { parseEndpoint } from '../runtime/cri/endpoint.ts';
import { type Authorization, accessOf } from './access-settings.ts';
import { type CpuSettings, cpuSettingsOf } from './cpu-settings.ts';
import { parseDuration } from './duration.ts';
import { booleanOf, durationOf } from './flag-values.ts';
import type { FlagValues } from './flags.ts';
import type { ConfigurationFile } from './kubelet-configuration.ts';
import { type MemorySettings, memorySettingsOf } from './memory-settings.ts';
import { countOf } from './own-configuration.ts';
import { type TlsSettings, tlsSettings } from './tls-settings.ts';

/** Everything that the daemon goes by, worked out and checked. */
export interface Settings {
  rootDirectory: string;
  nodeName: string;
  address: string;
  port: number;
  /** Folder of manifests; none where only checkpoints and an API are wanted. */
  manifests: string | undefined;
  podLogs: string;
  /** Socket of another container runtime, or `auto` for the one that the node has; the built-in one where undefined. */
  runtimeSocket: string | undefined;
  runtimeRoot: string;
  runtimeState: string;
  /** Where the built-in runtime finds CNI's configuration and plugins. */
  cni: CniPlaces;
  ociRuntime: 'crun' | 'runc';
  /** References of images to take into the built-in runtime at the start. */
  images: readonly string[];
  tls: { certificateFile: string; keyFile: string } | undefined;
  clientCaFile: string | undefined;
  tokenFile: string | undefined;
  anonymous: boolean;
  /** The API server that is asked about tokens and permissions. */
  kubeconfig: string | undefined;
  /** Ask it whose a token is. */
  tokenWebhook: { cacheSeconds: number } | undefined;
  authorization: Authorization;
  /** Whether the Kubelet Checkpoint API is there at all. */
  checkpointApi: boolean;
  /** Seconds. */
  runtimeRequestTimeout: number;
  /** Bytes. */
  freeSpaceFloor: number;
  whenBusy: WhenBusy;
  /** What is said of how many checkpoints may be made at once, and asked for in a minute. */
  limits: { user?: number; node?: number; userRate?: number; nodeRate?: number };
  /** How long operations are remembered (milliseconds), and how many. */
  operations: { keep?: number; most?: number };
  /** How the server may be spoken to. */
  tlsOptions: TlsSettings;
  cpus: CpuSettings;
  memory: MemorySettings;
}

/** Joins flags and configuration file, flags first, fills in what neither says, refuses what cannot be. */
export function settingsOf(flags: FlagValues, file: ConfigurationFile): Settings {
  const fail = (message: string): never => {
    throw new CodedError('invalid-argument', message);
  };
  const rootDirectory = resolve(flags['root-dir'] ?? '/var/lib/kubelet');
  const certificateFile = flags['tls-cert-file'] ?? file.tlsCertFile;
  const keyFile = flags['tls-private-key-file'] ?? file.tlsPrivateKeyFile;
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    fail('--tls-cert-file and --tls-private-key-file are given together or not at all');
  }
  const port = integerOf(flags.port, '--port', 0, 65535) ?? file.port ?? 10250;
  const gates = { ...file.featureGates, ...gatesOf(flags['feature-gates']) };
  const handlers = booleanOf(flags['enable-debugging-handlers'], '--enable-debugging-handlers');
  return {
    rootDirectory,
    nodeName: flags['hostname-override'] ?? hostname().toLowerCase(),
    address: flags.address ?? file.address ?? '0.0.0.0',
    port,
    manifests: pathOf(flags['pod-manifest-path'] ?? flags.manifests ?? file.staticPodPath),
    runtimeSocket: runtimeSocketOf(flags['container-runtime-endpoint'], file.containerRuntimeEndpoint),
    cpus: cpuSettingsOf(file),
    memory: memorySettingsOf(file),
    podLogs: pathOf(flags['pod-logs-dir'] ?? file.podLogsDir) ?? defaultPodLogs(rootDirectory),
    runtimeRoot: resolve(flags['runtime-root'] ?? '/var/lib/stasis'),
    runtimeState: resolve(flags['runtime-state'] ?? '/run/stasis'),
    cni: cniPlaces(flags['cni-conf-dir'], flags['cni-bin-dir']),
    ociRuntime: runtimeOf(flags['oci-runtime'] ?? 'crun'),
    images: flags.image ?? [],
    tls: certificateFile && keyFile ? { certificateFile, keyFile } : undefined,
    clientCaFile: flags['client-ca-file'] ?? file.clientCaFile,
    tokenFile: flags['token-auth-file'],
    anonymous: booleanOf(flags['anonymous-auth'], '--anonymous-auth') ?? file.anonymous ?? false,
    ...accessOf(flags, file),
    checkpointApi:
      (handlers ?? file.enableDebuggingHandlers ?? true) && (gates['ContainerCheckpoint'] ?? true),
    runtimeRequestTimeout: secondsOf(flags['runtime-request-timeout']) ?? file.runtimeRequestTimeout ?? 120,
    freeSpaceFloor:
      flags['checkpoint-free-space'] === undefined
        ? (file.own?.checkpoints?.freeSpace ?? bytesOf('100Mi'))
        : bytesOf(flags['checkpoint-free-space']),
    ...checkpointLimits(flags, file),
    tlsOptions: tlsSettings({
      minVersion: flags['tls-min-version'] ?? file.tlsMinVersion,
      cipherSuites: namesOf(flags['tls-cipher-suites']) ?? file.tlsCipherSuites,
      curvePreferences: file.tlsCurvePreferences,
    }),
  };
}

function checkpointLimits(
  flags: FlagValues,
  { own = {} }: ConfigurationFile,
): Pick<Settings, 'whenBusy' | 'limits' | 'operations'> {
  const { checkpoints = {}, operations = {} } = own;
  const asked = flags['checkpoint-when-busy'];
  const busy = asked === undefined ? (checkpoints.whenBusy ?? 'wait') : whenBusy.find((one) => one === asked);
  if (!busy) {
    const known = whenBusy.join(', ');
    const message = `--checkpoint-when-busy is ${JSON.stringify(asked)}, known here: ${known}`;
    throw new CodedError('invalid-argument', message);
  }
  const count = (name: 'checkpoints-per-user' | 'checkpoints-per-node', inFile: number | undefined) =>
    countOf(flags[name], `--${name}`, 1) ?? inFile;
  const rate = (name: 'checkpoint-rate-per-user' | 'checkpoint-rate-per-node', inFile: number | undefined) =>
    countOf(flags[name], `--${name}`, 0) ?? inFile;
  const keep = durationOf(flags['operation-ttl'], '--operation-ttl') ?? operations.keep;
  return {
    whenBusy: busy,
    limits: given({
      user: count('checkpoints-per-user', checkpoints.perUser),
      node: count('checkpoints-per-node', checkpoints.perNode),
      userRate: rate('checkpoint-rate-per-user', checkpoints.ratePerUser),
      nodeRate: rate('checkpoint-rate-per-node', checkpoints.ratePerNode),
    }),
    operations: given({ keep: keep === undefined ? undefined : keep * 1000, most: operations.most }),
  };
}

/** Only what is there. */
function given<K extends string>(values: Record<K, number | undefined>): Partial<Record<K, number>> {
  const there = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as Partial<Record<K, number>>;
}

function namesOf(text: string | undefined): string[] | undefined {
  return text?.split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));
}

function runtimeSocketOf(given: string | undefined, configured: string | undefined): string | undefined {
  const endpoint = given ?? configured ?? '';
  if (endpoint === '' || endpoint === 'builtin') return undefined;
  if (endpoint === 'auto') return endpoint;
  return parseEndpoint(
    endpoint,
    given === undefined ? 'containerRuntimeEndpoint' : '--container-runtime-endpoint',
  );
}

/** The system's own place for the system's own root directory, else one below it. */
function defaultPodLogs(rootDirectory: string): string {
  return rootDirectory === '/var/lib/kubelet' ? '/var/log/pods' : join(rootDirectory, 'pod-logs');
}

function pathOf(path: string | undefined): string | undefined {
  return path === undefined || path === '' ? undefined : resolve(path);
}

/** @throws CodedError `invalid-argument` */
export function runtimeOf(name: string): 'crun' | 'runc' {
  if (name === 'crun' || name === 'runc') return name;
  throw new CodedError(
    'invalid-argument',
    `--oci-runtime is ${JSON.stringify(name)}, known here: crun, runc`,
  );
}

/** @param plugins folders, with commas */
export function cniPlaces(configuration: string | undefined, plugins: string | undefined): CniPlaces {
  const folders = plugins?.split(',').filter((folder) => folder.trim() !== '');
  return {
    configDirectory: configuration === undefined ? usualCniPlaces.configDirectory : resolve(configuration),
    binDirectories: folders?.map((folder) => resolve(folder.trim())) ?? usualCniPlaces.binDirectories,
  };
}

function integerOf(text: string | undefined, flag: string, from: number, to: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= from && value <= to) return value;
  throw new CodedError(
    'invalid-argument',
    `${flag} is ${JSON.stringify(text)}, not a number from ${from} to ${to}`,
  );
}

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = parseDuration(text);
  if (seconds !== undefined && seconds > 0) return seconds;
  throw new CodedError(
    'invalid-argument',
    `--runtime-request-timeout is ${JSON.stringify(text)}, not a duration such as 2m`,
  );
}

function bytesOf(text: string): number {
  const bytes = parseQuantity(text);
  if (bytes !== undefined) return bytes;
  throw new CodedError(
    'invalid-argument',
    `--checkpoint-free-space is ${JSON.stringify(text)}, not a quantity such as 100Mi`,
  );
}

function gatesOf(text: string | undefined): Record<string, boolean> {
  const gates: Record<string, boolean> = {};
  for (const pair of (text ?? '').split(',').filter((item) => item.trim() !== '')) {
    const [, name, value] = /^\s*([A-Za-z0-9]+)=(true|false)\s*$/.exec(pair) ?? [];
    if (!name)
      throw new CodedError(
        'invalid-argument',
        `--feature-gates: ${JSON.stringify(pair)} is not Name=true or Name=false`,
      );
    gates[name] = value === 'true';
  }
  return gates;
}
