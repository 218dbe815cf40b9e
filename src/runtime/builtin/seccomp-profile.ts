import { textOf } from '../../bytes/text.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { type SecurityProfile, SecurityProfile_ProfileType } from '../../gen/cri/v1/api_pb.ts';
import { openFileSource } from '../../localfs/file-source.ts';

const mostBytes = 1 << 20;

/**
 * System calls that a container has no business with unless it holds the capability beside them. The default
 * profile of this runtime refuses these and lets the others pass; it is a list of what is refused, not, as
 * Docker's, of what is allowed.
 */
const refused: Readonly<Record<string, readonly string[]>> = {
  SYS_MODULE: ['init_module', 'finit_module', 'delete_module'],
  SYS_BOOT: ['reboot', 'kexec_load', 'kexec_file_load'],
  SYS_TIME: ['settimeofday', 'stime', 'clock_settime', 'clock_settime64', 'clock_adjtime', 'adjtimex'],
  SYS_PACCT: ['acct'],
  SYS_RAWIO: ['iopl', 'ioperm'],
  SYSLOG: ['syslog'],
  DAC_READ_SEARCH: ['open_by_handle_at'],
  BPF: ['bpf'],
  PERFMON: ['perf_event_open'],
  SYS_ADMIN: [
    ...[
      'mount',
      'umount',
      'umount2',
      'pivot_root',
      'move_mount',
      'open_tree',
      'fsopen',
      'fsconfig',
      'fsmount',
    ],
    ...['fspick', 'mount_setattr', 'setns', 'unshare', 'swapon', 'swapoff', 'quotactl', 'quotactl_fd'],
    ...['lookup_dcookie', 'fanotify_init', 'sethostname', 'setdomainname', 'nfsservctl', 'vm86', 'vm86old'],
  ],
  '': ['userfaultfd', 'add_key', 'request_key', 'keyctl', 'uselib', 'ustat', 'sysfs', '_sysctl'],
};

const errnoNotPermitted = 1;

/** With those of older programs that the processor also runs, or a filter would be a door to step around. */
const architectures: Readonly<Record<string, readonly string[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

function defaultProfile(capabilities: ReadonlySet<string>): unknown {
  const names = Object.entries(refused).flatMap(([name, calls]) =>
    name !== '' && capabilities.has(`CAP_${name}`) ? [] : calls,
  );
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: architectures[process.arch] ?? [],
    syscalls: [{ names, action: 'SCMP_ACT_ERRNO', errnoRet: errnoNotPermitted }],
  };
}

/**
 * The `linux.seccomp` of a container; undefined leaves it unconfined.
 * @param capabilities that the container holds (`CAP_…`).
 * @throws CodedError `invalid-argument` when a profile on this machine cannot be used.
 */
export async function seccompProfile(
  profile: SecurityProfile | undefined,
  capabilities: readonly string[],
): Promise<unknown> {
  // No profile is the same as unconfined: whoever wants the default says so.
  if (profile === undefined || profile.profileType === SecurityProfile_ProfileType.Unconfined)
    return undefined;
  if (profile.profileType === SecurityProfile_ProfileType.RuntimeDefault) {
    return defaultProfile(new Set(capabilities));
  }
  return readProfile(profile.localhostRef);
}

async function readProfile(path: string): Promise<unknown> {
  const reading = `reading the seccomp profile ${JSON.stringify(path)}`;
  if (!path.startsWith('/')) {
    throw new CodedError('invalid-argument', `${reading}: an absolute path is needed`);
  }
  const file = await openFileSource(path).catch((cause: unknown) => {
    throw new CodedError('invalid-argument', `${reading}: ${(cause as Error).message}`, { cause });
  });
  try {
    if (file.size > mostBytes) throw new CodedError('invalid-argument', `${reading}: it is too long`);
    return JSON.parse(textOf(await file.read(0, file.size)));
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    throw new CodedError('invalid-argument', `${reading}: it is not JSON`, { cause });
  } finally {
    await file.close();
  }
}
