// Generated from proto/criu/task.proto by scripts/protoc-gen-tables.ts: do not edit.
import type { MessageType } from '../../bytes/proto2-schema.ts';
import { ThreadInfoAarch64, ThreadInfoArm, ThreadInfoLoongarch64, ThreadInfoMips, ThreadInfoPpc64, ThreadInfoRiscv64, ThreadInfoS390, ThreadInfoX86 } from './arch.ts';

export const SeccompMode = {
  disabled: 0,
  strict: 1,
  filter: 2,
} as const;

export const CoreEntryMarch = {
  UNKNOWN: 0,
  X86_64: 1,
  ARM: 2,
  AARCH64: 3,
  PPC64: 4,
  S390: 5,
  MIPS: 6,
  LOONGARCH64: 7,
  RISCV64: 8,
} as const;

export interface TaskCoreEntry {
  task_state: number;
  exit_code: number;
  personality: number;
  flags: number;
  blk_sigset: bigint;
  comm: string;
  timers?: TaskTimersEntry;
  rlimits?: TaskRlimitsEntry;
  cg_set?: number;
  signals_s?: SignalQueueEntry;
  old_seccomp_mode?: number;
  old_seccomp_filter?: number;
  loginuid?: number;
  oom_score_adj?: number;
  sigactions: SaEntry[];
  child_subreaper?: boolean;
  blk_sigset_extended?: bigint;
  stop_signo?: number;
  membarrier_registration_mask?: number;
}
export const TaskCoreEntry: MessageType<TaskCoreEntry> = {
  name: 'TaskCoreEntry',
  fields: [
    { no: 1, name: 'task_state', kind: 'uint32', rule: 'required', words: "gen" },
    { no: 2, name: 'exit_code', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'personality', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'flags', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'blk_sigset', kind: 'uint64', rule: 'required', hex: true },
    { no: 6, name: 'comm', kind: 'string', rule: 'required' },
    { no: 7, name: 'timers', kind: 'message', rule: 'optional', of: () => TaskTimersEntry },
    { no: 8, name: 'rlimits', kind: 'message', rule: 'optional', of: () => TaskRlimitsEntry },
    { no: 9, name: 'cg_set', kind: 'uint32', rule: 'optional' },
    { no: 10, name: 'signals_s', kind: 'message', rule: 'optional', of: () => SignalQueueEntry },
    { no: 11, name: 'old_seccomp_mode', kind: 'enum', rule: 'optional', of: () => SeccompMode },
    { no: 12, name: 'old_seccomp_filter', kind: 'uint32', rule: 'optional' },
    { no: 13, name: 'loginuid', kind: 'uint32', rule: 'optional' },
    { no: 14, name: 'oom_score_adj', kind: 'int32', rule: 'optional' },
    { no: 15, name: 'sigactions', kind: 'message', rule: 'repeated', of: () => SaEntry },
    { no: 18, name: 'child_subreaper', kind: 'bool', rule: 'optional' },
    { no: 20, name: 'blk_sigset_extended', kind: 'uint64', rule: 'optional', hex: true },
    { no: 21, name: 'stop_signo', kind: 'uint32', rule: 'optional' },
    { no: 22, name: 'membarrier_registration_mask', kind: 'uint32', rule: 'optional', hex: true },
  ],
};

export interface TaskKobjIdsEntry {
  vm_id: number;
  files_id: number;
  fs_id: number;
  sighand_id: number;
  pid_ns_id?: number;
  net_ns_id?: number;
  ipc_ns_id?: number;
  uts_ns_id?: number;
  mnt_ns_id?: number;
  user_ns_id?: number;
  cgroup_ns_id?: number;
  time_ns_id?: number;
}
export const TaskKobjIdsEntry: MessageType<TaskKobjIdsEntry> = {
  name: 'TaskKobjIdsEntry',
  fields: [
    { no: 1, name: 'vm_id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'files_id', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'fs_id', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'sighand_id', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'pid_ns_id', kind: 'uint32', rule: 'optional' },
    { no: 6, name: 'net_ns_id', kind: 'uint32', rule: 'optional' },
    { no: 7, name: 'ipc_ns_id', kind: 'uint32', rule: 'optional' },
    { no: 8, name: 'uts_ns_id', kind: 'uint32', rule: 'optional' },
    { no: 9, name: 'mnt_ns_id', kind: 'uint32', rule: 'optional' },
    { no: 10, name: 'user_ns_id', kind: 'uint32', rule: 'optional' },
    { no: 11, name: 'cgroup_ns_id', kind: 'uint32', rule: 'optional' },
    { no: 12, name: 'time_ns_id', kind: 'uint32', rule: 'optional' },
  ],
};

export interface ThreadSasEntry {
  ss_sp: bigint;
  ss_size: bigint;
  ss_flags: number;
}
export const ThreadSasEntry: MessageType<ThreadSasEntry> = {
  name: 'ThreadSasEntry',
  fields: [
    { no: 1, name: 'ss_sp', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'ss_size', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'ss_flags', kind: 'uint32', rule: 'required' },
  ],
};

export interface ThreadCoreEntry {
  futex_rla: bigint;
  futex_rla_len: number;
  sched_nice?: number;
  sched_policy?: number;
  sched_prio?: number;
  blk_sigset?: bigint;
  sas?: ThreadSasEntry;
  pdeath_sig?: number;
  signals_p?: SignalQueueEntry;
  creds?: CredsEntry;
  seccomp_mode?: number;
  seccomp_filter?: number;
  comm?: string;
  blk_sigset_extended?: bigint;
  rseq_entry?: RseqEntry;
  cg_set?: number;
}
export const ThreadCoreEntry: MessageType<ThreadCoreEntry> = {
  name: 'ThreadCoreEntry',
  fields: [
    { no: 1, name: 'futex_rla', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'futex_rla_len', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'sched_nice', kind: 'sint32', rule: 'optional' },
    { no: 4, name: 'sched_policy', kind: 'uint32', rule: 'optional' },
    { no: 5, name: 'sched_prio', kind: 'uint32', rule: 'optional' },
    { no: 6, name: 'blk_sigset', kind: 'uint64', rule: 'optional' },
    { no: 7, name: 'sas', kind: 'message', rule: 'optional', of: () => ThreadSasEntry },
    { no: 8, name: 'pdeath_sig', kind: 'uint32', rule: 'optional' },
    { no: 9, name: 'signals_p', kind: 'message', rule: 'optional', of: () => SignalQueueEntry },
    { no: 10, name: 'creds', kind: 'message', rule: 'optional', of: () => CredsEntry },
    { no: 11, name: 'seccomp_mode', kind: 'enum', rule: 'optional', of: () => SeccompMode },
    { no: 12, name: 'seccomp_filter', kind: 'uint32', rule: 'optional' },
    { no: 13, name: 'comm', kind: 'string', rule: 'optional' },
    { no: 14, name: 'blk_sigset_extended', kind: 'uint64', rule: 'optional' },
    { no: 15, name: 'rseq_entry', kind: 'message', rule: 'optional', of: () => RseqEntry },
    { no: 16, name: 'cg_set', kind: 'uint32', rule: 'optional' },
  ],
};

export interface TaskRlimitsEntry {
  rlimits: RlimitEntry[];
}
export const TaskRlimitsEntry: MessageType<TaskRlimitsEntry> = {
  name: 'TaskRlimitsEntry',
  fields: [
    { no: 1, name: 'rlimits', kind: 'message', rule: 'repeated', of: () => RlimitEntry },
  ],
};

export interface CoreEntry {
  mtype: number;
  thread_info?: ThreadInfoX86;
  tc?: TaskCoreEntry;
  ids?: TaskKobjIdsEntry;
  thread_core?: ThreadCoreEntry;
  ti_arm?: ThreadInfoArm;
  ti_aarch64?: ThreadInfoAarch64;
  ti_ppc64?: ThreadInfoPpc64;
  ti_s390?: ThreadInfoS390;
  ti_mips?: ThreadInfoMips;
  ti_loongarch64?: ThreadInfoLoongarch64;
  ti_riscv64?: ThreadInfoRiscv64;
}
export const CoreEntry: MessageType<CoreEntry> = {
  name: 'CoreEntry',
  fields: [
    { no: 1, name: 'mtype', kind: 'enum', rule: 'required', of: () => CoreEntryMarch },
    { no: 2, name: 'thread_info', kind: 'message', rule: 'optional', of: () => ThreadInfoX86 },
    { no: 3, name: 'tc', kind: 'message', rule: 'optional', of: () => TaskCoreEntry },
    { no: 4, name: 'ids', kind: 'message', rule: 'optional', of: () => TaskKobjIdsEntry },
    { no: 5, name: 'thread_core', kind: 'message', rule: 'optional', of: () => ThreadCoreEntry },
    { no: 6, name: 'ti_arm', kind: 'message', rule: 'optional', of: () => ThreadInfoArm },
    { no: 8, name: 'ti_aarch64', kind: 'message', rule: 'optional', of: () => ThreadInfoAarch64 },
    { no: 9, name: 'ti_ppc64', kind: 'message', rule: 'optional', of: () => ThreadInfoPpc64 },
    { no: 10, name: 'ti_s390', kind: 'message', rule: 'optional', of: () => ThreadInfoS390 },
    { no: 11, name: 'ti_mips', kind: 'message', rule: 'optional', of: () => ThreadInfoMips },
    { no: 12, name: 'ti_loongarch64', kind: 'message', rule: 'optional', of: () => ThreadInfoLoongarch64 },
    { no: 13, name: 'ti_riscv64', kind: 'message', rule: 'optional', of: () => ThreadInfoRiscv64 },
  ],
};

export interface CredsEntry {
  uid: number;
  gid: number;
  euid: number;
  egid: number;
  suid: number;
  sgid: number;
  fsuid: number;
  fsgid: number;
  cap_inh: number[];
  cap_prm: number[];
  cap_eff: number[];
  cap_bnd: number[];
  secbits: number;
  groups: number[];
  lsm_profile?: string;
  lsm_sockcreate?: string;
  apparmor_data?: Uint8Array;
  no_new_privs?: number;
  cap_amb: number[];
}
export const CredsEntry: MessageType<CredsEntry> = {
  name: 'CredsEntry',
  fields: [
    { no: 1, name: 'uid', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'gid', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'euid', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'egid', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'suid', kind: 'uint32', rule: 'required' },
    { no: 6, name: 'sgid', kind: 'uint32', rule: 'required' },
    { no: 7, name: 'fsuid', kind: 'uint32', rule: 'required' },
    { no: 8, name: 'fsgid', kind: 'uint32', rule: 'required' },
    { no: 9, name: 'cap_inh', kind: 'uint32', rule: 'repeated' },
    { no: 10, name: 'cap_prm', kind: 'uint32', rule: 'repeated' },
    { no: 11, name: 'cap_eff', kind: 'uint32', rule: 'repeated' },
    { no: 12, name: 'cap_bnd', kind: 'uint32', rule: 'repeated' },
    { no: 13, name: 'secbits', kind: 'uint32', rule: 'required' },
    { no: 14, name: 'groups', kind: 'uint32', rule: 'repeated' },
    { no: 15, name: 'lsm_profile', kind: 'string', rule: 'optional' },
    { no: 16, name: 'lsm_sockcreate', kind: 'string', rule: 'optional' },
    { no: 17, name: 'apparmor_data', kind: 'bytes', rule: 'optional' },
    { no: 18, name: 'no_new_privs', kind: 'uint32', rule: 'optional' },
    { no: 19, name: 'cap_amb', kind: 'uint32', rule: 'repeated' },
  ],
};

export interface SaEntry {
  sigaction: bigint;
  flags: bigint;
  restorer: bigint;
  mask: bigint;
  compat_sigaction?: boolean;
  mask_extended?: bigint;
}
export const SaEntry: MessageType<SaEntry> = {
  name: 'SaEntry',
  fields: [
    { no: 1, name: 'sigaction', kind: 'uint64', rule: 'required', hex: true },
    { no: 2, name: 'flags', kind: 'uint64', rule: 'required', hex: true },
    { no: 3, name: 'restorer', kind: 'uint64', rule: 'required', hex: true },
    { no: 4, name: 'mask', kind: 'uint64', rule: 'required', hex: true },
    { no: 5, name: 'compat_sigaction', kind: 'bool', rule: 'optional' },
    { no: 6, name: 'mask_extended', kind: 'uint64', rule: 'optional', hex: true },
  ],
};

export interface SiginfoEntry {
  siginfo: Uint8Array;
}
export const SiginfoEntry: MessageType<SiginfoEntry> = {
  name: 'SiginfoEntry',
  fields: [
    { no: 1, name: 'siginfo', kind: 'bytes', rule: 'required' },
  ],
};

export interface SignalQueueEntry {
  signals: SiginfoEntry[];
}
export const SignalQueueEntry: MessageType<SignalQueueEntry> = {
  name: 'SignalQueueEntry',
  fields: [
    { no: 1, name: 'signals', kind: 'message', rule: 'repeated', of: () => SiginfoEntry },
  ],
};

export interface ItimerEntry {
  isec: bigint;
  iusec: bigint;
  vsec: bigint;
  vusec: bigint;
}
export const ItimerEntry: MessageType<ItimerEntry> = {
  name: 'ItimerEntry',
  fields: [
    { no: 1, name: 'isec', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'iusec', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'vsec', kind: 'uint64', rule: 'required' },
    { no: 4, name: 'vusec', kind: 'uint64', rule: 'required' },
  ],
};

export interface PosixTimerEntry {
  it_id: number;
  clock_id: number;
  si_signo: number;
  it_sigev_notify: number;
  sival_ptr: bigint;
  overrun: number;
  isec: bigint;
  insec: bigint;
  vsec: bigint;
  vnsec: bigint;
  notify_thread_id?: number;
}
export const PosixTimerEntry: MessageType<PosixTimerEntry> = {
  name: 'PosixTimerEntry',
  fields: [
    { no: 1, name: 'it_id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'clock_id', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'si_signo', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'it_sigev_notify', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'sival_ptr', kind: 'uint64', rule: 'required' },
    { no: 6, name: 'overrun', kind: 'uint32', rule: 'required' },
    { no: 7, name: 'isec', kind: 'uint64', rule: 'required' },
    { no: 8, name: 'insec', kind: 'uint64', rule: 'required' },
    { no: 9, name: 'vsec', kind: 'uint64', rule: 'required' },
    { no: 10, name: 'vnsec', kind: 'uint64', rule: 'required' },
    { no: 11, name: 'notify_thread_id', kind: 'int32', rule: 'optional' },
  ],
};

export interface TaskTimersEntry {
  real: ItimerEntry;
  virt: ItimerEntry;
  prof: ItimerEntry;
  posix: PosixTimerEntry[];
}
export const TaskTimersEntry: MessageType<TaskTimersEntry> = {
  name: 'TaskTimersEntry',
  fields: [
    { no: 1, name: 'real', kind: 'message', rule: 'required', of: () => ItimerEntry },
    { no: 2, name: 'virt', kind: 'message', rule: 'required', of: () => ItimerEntry },
    { no: 3, name: 'prof', kind: 'message', rule: 'required', of: () => ItimerEntry },
    { no: 4, name: 'posix', kind: 'message', rule: 'repeated', of: () => PosixTimerEntry },
  ],
};

export interface Timeval {
  tv_sec: bigint;
  tv_usec: bigint;
}
export const Timeval: MessageType<Timeval> = {
  name: 'Timeval',
  fields: [
    { no: 1, name: 'tv_sec', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'tv_usec', kind: 'uint64', rule: 'required' },
  ],
};

export interface RlimitEntry {
  cur: bigint;
  max: bigint;
}
export const RlimitEntry: MessageType<RlimitEntry> = {
  name: 'RlimitEntry',
  fields: [
    { no: 1, name: 'cur', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'max', kind: 'uint64', rule: 'required' },
  ],
};

export interface RseqEntry {
  rseq_abi_pointer: bigint;
  rseq_abi_size: number;
  signature: number;
  rseq_cs_pointer?: bigint;
}
export const RseqEntry: MessageType<RseqEntry> = {
  name: 'RseqEntry',
  fields: [
    { no: 1, name: 'rseq_abi_pointer', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'rseq_abi_size', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'signature', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'rseq_cs_pointer', kind: 'uint64', rule: 'optional' },
  ],
};

export interface FsEntry {
  cwd_id: number;
  root_id: number;
  umask?: number;
}
export const FsEntry: MessageType<FsEntry> = {
  name: 'FsEntry',
  fields: [
    { no: 1, name: 'cwd_id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'root_id', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'umask', kind: 'uint32', rule: 'optional' },
  ],
};
