import { parseMinor as minorOf } from '../../nodestate/kubernetes-minor.ts';
import { MalformedValue } from '../../nodestate/malformed-value.ts';
import { UsageError } from '../command.ts';

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

/** `1.31`, `v1.31.4` or `31` as 31. @throws UsageError */
export function parseMinor(text: string): number {
  try {
    return minorOf(text);
  } catch (error) {
    throw usageOf(error);
  }
}

/** A value of no known form as a command line that is wrong; anything else as it is. */
export function usageOf(error: unknown): unknown {
  return error instanceof MalformedValue ? new UsageError(error.message, { cause: error }) : error;
}
