import { CodedError } from '../../errors/coded-error.ts';
import type { NodeFacts } from '../../kubeletstate/node-facts.ts';
import { newestMinor } from '../../kubeletstate/state-kind.ts';
import { UsageError } from '../command.ts';
import { type ExamineOptions, parseGates } from './examine.ts';

/** Flags of every command that looks at state files. */
export const targetFlags = {
  'root-dir': {
    kind: 'string',
    default: '/var/lib/kubelet',
    usage: "the kubelet's root `directory`",
    complete: 'directories',
  },
  'kubelet-version': {
    kind: 'string',
    usage:
      'judge as the kubelet of this `version` would, like 1.31 (default: the newest that accepts a file)',
  },
  'kubelet-config': { kind: 'string', usage: "the kubelet's configuration `file`", complete: 'files' },
  'feature-gates': { kind: 'string', usage: 'gates of the kubelet, like `Gate=true,Other=false`' },
  'runtime-endpoint': { kind: 'string', usage: 'socket of the container `runtime` to ask for pods' },
  offline: { kind: 'bool', usage: 'do not compare with this machine, its pods and its kubelet' },
  'on-node': { kind: 'bool', usage: 'compare files that are given by name with this machine, too' },
} as const;

export const containerFlag = {
  kind: 'stringArray',
  usage: 'whose `ID=POD-UID/NAME` a container id is, for files up to 1.17; may be given again',
} as const;

export const outputFlag = {
  kind: 'enum',
  short: 'o',
  values: ['table', 'json', 'yaml'],
  usage: 'output `format`: table, json or yaml',
} as const;

export interface TargetValues {
  'root-dir': string;
  'kubelet-version': string;
  'kubelet-config': string;
  'feature-gates': string;
  'runtime-endpoint': string;
  offline: boolean;
  'on-node': boolean;
}

/** The files that a command line asks for, and whether they are the node's own. */
export function targetsOf(
  flags: TargetValues,
  args: readonly string[],
): { targets: string[]; onNode: boolean } {
  if (args.length === 0) return { targets: [flags['root-dir']], onNode: !flags.offline };
  return { targets: [...args], onNode: flags['on-node'] && !flags.offline };
}

/** What to compare with, gathered as far as it can be had. */
export async function examineOptions(flags: TargetValues, onNode: boolean): Promise<ExamineOptions> {
  const facts = onNode ? await gather(flags) : await configured(flags);
  const minor = flags['kubelet-version'] === '' ? undefined : parseMinor(flags['kubelet-version']);
  const gates = new Set([...parseGates(flags['feature-gates']), ...(facts.config?.featureGates ?? [])]);
  return { facts, gates, onNode, ...(minor === undefined ? {} : { minor }) };
}

async function configured(flags: TargetValues): Promise<NodeFacts> {
  if (flags['kubelet-config'] === '') return {};
  const { readKubeletConfig } = await import('../../localfs/kubelet-config.ts');
  const config = await readKubeletConfig(flags['root-dir'], flags['kubelet-config']);
  return config ? { config } : {};
}

async function gather(flags: TargetValues): Promise<NodeFacts> {
  const root = flags['root-dir'];
  const { machineFacts } = await import('../../localfs/machine-facts.ts');
  const { readKubeletConfig } = await import('../../localfs/kubelet-config.ts');
  const { nodePods } = await import('../../runtime/cri/node-pods.ts');
  const { podResources } = await import('../../runtime/cri/pod-resources.ts');
  const machine = await machineFacts();
  const { kubeletFlags } = await import('../../localfs/kubelet-flags.ts');
  const config = await readKubeletConfig(
    root,
    flags['kubelet-config'] || undefined,
    await kubeletFlags(root),
  );
  const known = await nodePods(root, flags['runtime-endpoint'] || undefined);
  // A kubelet that is down is the usual reason to be here.
  const served = await podResources(root).catch((error: unknown) => {
    if (error instanceof CodedError) return error.message;
    throw error;
  });
  const silent = {
    ...(known.silent === undefined ? {} : { runtime: known.silent }),
    ...(typeof served === 'string' ? { kubelet: served } : {}),
  };
  return {
    ...machine,
    ...(config ? { config } : {}),
    ...(known.pods ? { pods: known.pods } : {}),
    ...(served === undefined || typeof served === 'string' ? {} : { containerResources: served }),
    ...(Object.keys(silent).length > 0 ? { silent } : {}),
  };
}

/** `1.31`, `v1.31.4` or `31` as 31. */
export function parseMinor(text: string): number {
  // A bare number is a minor; with a dot the 1 has to be there, or 9.9 would be 1.9.
  const [, full, bare] = /^v?1\.([0-9]{1,2})(?:\.[0-9]+)?$|^([0-9]{1,2})$/.exec(text) ?? [];
  const found = full ?? bare;
  const minor = Number(found);
  if (found === undefined || minor < 6)
    throw new UsageError(`"${text}" is not a Kubernetes version like 1.31`);
  if (minor > newestMinor) {
    throw new UsageError(
      `Kubernetes 1.${minor} is newer than what is known here: 1.${newestMinor} is the newest`,
    );
  }
  return minor;
}
