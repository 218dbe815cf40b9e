import { readFile } from 'node:fs/promises';
import { CodedError } from '../../errors/coded-error.ts';
import type { Capability } from '../../gen/cri/v1/api_pb.ts';
import type { OciCapabilities } from './oci-spec.ts';

/** In the order of the kernel's numbers. */
const names = [
  ...['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP'],
  ...[
    'LINUX_IMMUTABLE',
    'NET_BIND_SERVICE',
    'NET_BROADCAST',
    'NET_ADMIN',
    'NET_RAW',
    'IPC_LOCK',
    'IPC_OWNER',
  ],
  ...[
    'SYS_MODULE',
    'SYS_RAWIO',
    'SYS_CHROOT',
    'SYS_PTRACE',
    'SYS_PACCT',
    'SYS_ADMIN',
    'SYS_BOOT',
    'SYS_NICE',
  ],
  ...['SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD', 'LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL'],
  ...['SETFCAP', 'MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ'],
  ...['PERFMON', 'BPF', 'CHECKPOINT_RESTORE'],
];

/** What a container gets that asks for nothing: the set that Docker and containerd give. */
const usual = [
  ...['CHOWN', 'DAC_OVERRIDE', 'FSETID', 'FOWNER', 'MKNOD', 'NET_RAW', 'SETGID', 'SETUID', 'SETFCAP'],
  ...['SETPCAP', 'NET_BIND_SERVICE', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE'],
];

/** The capabilities that this process may hand on. */
export async function ownCapabilities(): Promise<ReadonlySet<string>> {
  const status = await readFile('/proc/self/status', 'latin1');
  const bits = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return new Set(names.filter((_name, bit) => ((bits >> BigInt(bit)) & 1n) === 1n));
}

/**
 * The capability sets of a container's first process.
 * @param own what this machine lets us give; `missing` names what was wanted beyond it.
 * @throws CodedError `invalid-argument` for a name that is none.
 */
export function capabilitySets(
  wanted: Capability | undefined,
  privileged: boolean,
  own: ReadonlySet<string>,
): { sets: OciCapabilities; missing: string[] } {
  const add = (wanted?.addCapabilities ?? []).map(plainName);
  const drop = new Set((wanted?.dropCapabilities ?? []).map(plainName));
  const ambient = (wanted?.addAmbientCapabilities ?? []).map(plainName);
  const start = privileged || add.includes('ALL') ? names : drop.has('ALL') ? [] : usual;
  const given = new Set([...start, ...add, ...ambient].filter((name) => name !== 'ALL'));
  if (!privileged) for (const name of drop) given.delete(name);
  // A container that just takes everything is not told of each thing this machine does not have.
  const asked = new Set([...add, ...ambient]);
  const missing = [...given].filter((name) => asked.has(name) && !own.has(name));
  const sorted = names.filter((name) => given.has(name) && own.has(name)).map((name) => `CAP_${name}`);
  const ambientSet = sorted.filter((name) => ambient.includes(name.slice(4)));
  return {
    // Inheritable stays empty but for the ambient ones, which the kernel wants there: see CVE-2022-24769.
    sets: {
      bounding: sorted,
      effective: sorted,
      permitted: sorted,
      inheritable: ambientSet,
      ambient: ambientSet,
    },
    missing,
  };
}

function plainName(text: string): string {
  const name = text.toUpperCase().replace(/^CAP_/, '');
  if (name === 'ALL' || names.includes(name)) return name;
  throw new CodedError('invalid-argument', `${JSON.stringify(text)} is not a capability`);
}
