// Generated from proto/criu/arch.proto by scripts/protoc-gen-tables.ts: do not edit.
import type { MessageType } from '../../bytes/proto2-schema.ts';

export const UserX86RegsMode = {
  NATIVE: 1,
  COMPAT: 2,
} as const;

export interface UserX86RegsEntry {
  r15: bigint;
  r14: bigint;
  r13: bigint;
  r12: bigint;
  bp: bigint;
  bx: bigint;
  r11: bigint;
  r10: bigint;
  r9: bigint;
  r8: bigint;
  ax: bigint;
  cx: bigint;
  dx: bigint;
  si: bigint;
  di: bigint;
  orig_ax: bigint;
  ip: bigint;
  cs: bigint;
  flags: bigint;
  sp: bigint;
  ss: bigint;
  fs_base: bigint;
  gs_base: bigint;
  ds: bigint;
  es: bigint;
  fs: bigint;
  gs: bigint;
  mode?: number;
}
export const UserX86RegsEntry: MessageType<UserX86RegsEntry> = {
  name: 'UserX86RegsEntry',
  fields: [
    { no: 1, name: 'r15', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'r14', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'r13', kind: 'uint64', rule: 'required' },
    { no: 4, name: 'r12', kind: 'uint64', rule: 'required' },
    { no: 5, name: 'bp', kind: 'uint64', rule: 'required' },
    { no: 6, name: 'bx', kind: 'uint64', rule: 'required' },
    { no: 7, name: 'r11', kind: 'uint64', rule: 'required' },
    { no: 8, name: 'r10', kind: 'uint64', rule: 'required' },
    { no: 9, name: 'r9', kind: 'uint64', rule: 'required' },
    { no: 10, name: 'r8', kind: 'uint64', rule: 'required' },
    { no: 11, name: 'ax', kind: 'uint64', rule: 'required' },
    { no: 12, name: 'cx', kind: 'uint64', rule: 'required' },
    { no: 13, name: 'dx', kind: 'uint64', rule: 'required' },
    { no: 14, name: 'si', kind: 'uint64', rule: 'required' },
    { no: 15, name: 'di', kind: 'uint64', rule: 'required' },
    { no: 16, name: 'orig_ax', kind: 'uint64', rule: 'required' },
    { no: 17, name: 'ip', kind: 'uint64', rule: 'required' },
    { no: 18, name: 'cs', kind: 'uint64', rule: 'required' },
    { no: 19, name: 'flags', kind: 'uint64', rule: 'required' },
    { no: 20, name: 'sp', kind: 'uint64', rule: 'required' },
    { no: 21, name: 'ss', kind: 'uint64', rule: 'required' },
    { no: 22, name: 'fs_base', kind: 'uint64', rule: 'required' },
    { no: 23, name: 'gs_base', kind: 'uint64', rule: 'required' },
    { no: 24, name: 'ds', kind: 'uint64', rule: 'required' },
    { no: 25, name: 'es', kind: 'uint64', rule: 'required' },
    { no: 26, name: 'fs', kind: 'uint64', rule: 'required' },
    { no: 27, name: 'gs', kind: 'uint64', rule: 'required' },
    { no: 28, name: 'mode', kind: 'enum', rule: 'optional', of: () => UserX86RegsMode },
  ],
};

export interface UserX86CetEntry {
  cet: bigint;
  ssp: bigint;
}
export const UserX86CetEntry: MessageType<UserX86CetEntry> = {
  name: 'UserX86CetEntry',
  fields: [
    { no: 1, name: 'cet', kind: 'uint64', rule: 'required', hex: true },
    { no: 2, name: 'ssp', kind: 'uint64', rule: 'required', hex: true },
  ],
};

export interface UserX86XsaveEntry {
  xstate_bv: bigint;
  ymmh_space: number[];
  bndreg_state: bigint[];
  bndcsr_state: bigint[];
  opmask_reg: bigint[];
  zmm_upper: bigint[];
  hi16_zmm: bigint[];
  pkru: number[];
  cet?: UserX86CetEntry;
}
export const UserX86XsaveEntry: MessageType<UserX86XsaveEntry> = {
  name: 'UserX86XsaveEntry',
  fields: [
    { no: 1, name: 'xstate_bv', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'ymmh_space', kind: 'uint32', rule: 'repeated' },
    { no: 3, name: 'bndreg_state', kind: 'uint64', rule: 'repeated' },
    { no: 4, name: 'bndcsr_state', kind: 'uint64', rule: 'repeated' },
    { no: 5, name: 'opmask_reg', kind: 'uint64', rule: 'repeated' },
    { no: 6, name: 'zmm_upper', kind: 'uint64', rule: 'repeated' },
    { no: 7, name: 'hi16_zmm', kind: 'uint64', rule: 'repeated' },
    { no: 8, name: 'pkru', kind: 'uint32', rule: 'repeated' },
    { no: 9, name: 'cet', kind: 'message', rule: 'optional', of: () => UserX86CetEntry },
  ],
};

export interface UserX86FpregsEntry {
  cwd: number;
  swd: number;
  twd: number;
  fop: number;
  rip: bigint;
  rdp: bigint;
  mxcsr: number;
  mxcsr_mask: number;
  st_space: number[];
  xmm_space: number[];
  padding: number[];
  xsave?: UserX86XsaveEntry;
}
export const UserX86FpregsEntry: MessageType<UserX86FpregsEntry> = {
  name: 'UserX86FpregsEntry',
  fields: [
    { no: 1, name: 'cwd', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'swd', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'twd', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'fop', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'rip', kind: 'uint64', rule: 'required' },
    { no: 6, name: 'rdp', kind: 'uint64', rule: 'required' },
    { no: 7, name: 'mxcsr', kind: 'uint32', rule: 'required' },
    { no: 8, name: 'mxcsr_mask', kind: 'uint32', rule: 'required' },
    { no: 9, name: 'st_space', kind: 'uint32', rule: 'repeated' },
    { no: 10, name: 'xmm_space', kind: 'uint32', rule: 'repeated' },
    { no: 11, name: 'padding', kind: 'uint32', rule: 'repeated' },
    { no: 13, name: 'xsave', kind: 'message', rule: 'optional', of: () => UserX86XsaveEntry },
  ],
};

export interface UserDescT {
  entry_number: number;
  base_addr: number;
  limit: number;
  seg_32bit: boolean;
  contents_h: boolean;
  contents_l: boolean;
  read_exec_only: boolean;
  limit_in_pages: boolean;
  seg_not_present: boolean;
  usable: boolean;
}
export const UserDescT: MessageType<UserDescT> = {
  name: 'UserDescT',
  fields: [
    { no: 1, name: 'entry_number', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'base_addr', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'limit', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'seg_32bit', kind: 'bool', rule: 'required' },
    { no: 5, name: 'contents_h', kind: 'bool', rule: 'required' },
    { no: 6, name: 'contents_l', kind: 'bool', rule: 'required' },
    { no: 7, name: 'read_exec_only', kind: 'bool', rule: 'required' },
    { no: 8, name: 'limit_in_pages', kind: 'bool', rule: 'required' },
    { no: 9, name: 'seg_not_present', kind: 'bool', rule: 'required' },
    { no: 10, name: 'usable', kind: 'bool', rule: 'required' },
  ],
};

export interface ThreadInfoX86 {
  clear_tid_addr: bigint;
  gpregs: UserX86RegsEntry;
  fpregs: UserX86FpregsEntry;
  tls: UserDescT[];
}
export const ThreadInfoX86: MessageType<ThreadInfoX86> = {
  name: 'ThreadInfoX86',
  fields: [
    { no: 1, name: 'clear_tid_addr', kind: 'uint64', rule: 'required', hex: true },
    { no: 2, name: 'gpregs', kind: 'message', rule: 'required', of: () => UserX86RegsEntry, hex: true },
    { no: 3, name: 'fpregs', kind: 'message', rule: 'required', of: () => UserX86FpregsEntry },
    { no: 4, name: 'tls', kind: 'message', rule: 'repeated', of: () => UserDescT },
  ],
};

export interface UserAarch64RegsEntry {
  regs: bigint[];
  sp: bigint;
  pc: bigint;
  pstate: bigint;
}
export const UserAarch64RegsEntry: MessageType<UserAarch64RegsEntry> = {
  name: 'UserAarch64RegsEntry',
  fields: [
    { no: 1, name: 'regs', kind: 'uint64', rule: 'repeated' },
    { no: 2, name: 'sp', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'pc', kind: 'uint64', rule: 'required' },
    { no: 4, name: 'pstate', kind: 'uint64', rule: 'required' },
  ],
};

export interface UserAarch64FpsimdContextEntry {
  vregs: bigint[];
  fpsr: number;
  fpcr: number;
}
export const UserAarch64FpsimdContextEntry: MessageType<UserAarch64FpsimdContextEntry> = {
  name: 'UserAarch64FpsimdContextEntry',
  fields: [
    { no: 1, name: 'vregs', kind: 'uint64', rule: 'repeated' },
    { no: 2, name: 'fpsr', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'fpcr', kind: 'uint32', rule: 'required' },
  ],
};

export interface PacAddressKeys {
  apiakey_lo: bigint;
  apiakey_hi: bigint;
  apibkey_lo: bigint;
  apibkey_hi: bigint;
  apdakey_lo: bigint;
  apdakey_hi: bigint;
  apdbkey_lo: bigint;
  apdbkey_hi: bigint;
  pac_enabled_key: bigint;
}
export const PacAddressKeys: MessageType<PacAddressKeys> = {
  name: 'PacAddressKeys',
  fields: [
    { no: 1, name: 'apiakey_lo', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'apiakey_hi', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'apibkey_lo', kind: 'uint64', rule: 'required' },
    { no: 4, name: 'apibkey_hi', kind: 'uint64', rule: 'required' },
    { no: 5, name: 'apdakey_lo', kind: 'uint64', rule: 'required' },
    { no: 6, name: 'apdakey_hi', kind: 'uint64', rule: 'required' },
    { no: 7, name: 'apdbkey_lo', kind: 'uint64', rule: 'required' },
    { no: 8, name: 'apdbkey_hi', kind: 'uint64', rule: 'required' },
    { no: 9, name: 'pac_enabled_key', kind: 'uint64', rule: 'required' },
  ],
};

export interface PacGenericKeys {
  apgakey_lo: bigint;
  apgakey_hi: bigint;
}
export const PacGenericKeys: MessageType<PacGenericKeys> = {
  name: 'PacGenericKeys',
  fields: [
    { no: 1, name: 'apgakey_lo', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'apgakey_hi', kind: 'uint64', rule: 'required' },
  ],
};

export interface PacKeys {
  pac_address_keys?: PacAddressKeys;
  pac_generic_keys?: PacGenericKeys;
}
export const PacKeys: MessageType<PacKeys> = {
  name: 'PacKeys',
  fields: [
    { no: 6, name: 'pac_address_keys', kind: 'message', rule: 'optional', of: () => PacAddressKeys },
    { no: 7, name: 'pac_generic_keys', kind: 'message', rule: 'optional', of: () => PacGenericKeys },
  ],
};

export interface ThreadInfoAarch64 {
  clear_tid_addr: bigint;
  tls: bigint;
  gpregs: UserAarch64RegsEntry;
  fpsimd: UserAarch64FpsimdContextEntry;
  pac_keys?: PacKeys;
}
export const ThreadInfoAarch64: MessageType<ThreadInfoAarch64> = {
  name: 'ThreadInfoAarch64',
  fields: [
    { no: 1, name: 'clear_tid_addr', kind: 'uint64', rule: 'required', hex: true },
    { no: 2, name: 'tls', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'gpregs', kind: 'message', rule: 'required', of: () => UserAarch64RegsEntry, hex: true },
    { no: 4, name: 'fpsimd', kind: 'message', rule: 'required', of: () => UserAarch64FpsimdContextEntry },
    { no: 5, name: 'pac_keys', kind: 'message', rule: 'optional', of: () => PacKeys },
  ],
};

export interface UserArmRegsEntry {
  r0: number;
  r1: number;
  r2: number;
  r3: number;
  r4: number;
  r5: number;
  r6: number;
  r7: number;
  r8: number;
  r9: number;
  r10: number;
  fp: number;
  ip: number;
  sp: number;
  lr: number;
  pc: number;
  cpsr: number;
  orig_r0: number;
}
export const UserArmRegsEntry: MessageType<UserArmRegsEntry> = {
  name: 'UserArmRegsEntry',
  fields: [
    { no: 1, name: 'r0', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'r1', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'r2', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'r3', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'r4', kind: 'uint32', rule: 'required' },
    { no: 6, name: 'r5', kind: 'uint32', rule: 'required' },
    { no: 7, name: 'r6', kind: 'uint32', rule: 'required' },
    { no: 8, name: 'r7', kind: 'uint32', rule: 'required' },
    { no: 9, name: 'r8', kind: 'uint32', rule: 'required' },
    { no: 10, name: 'r9', kind: 'uint32', rule: 'required' },
    { no: 11, name: 'r10', kind: 'uint32', rule: 'required' },
    { no: 12, name: 'fp', kind: 'uint32', rule: 'required' },
    { no: 13, name: 'ip', kind: 'uint32', rule: 'required' },
    { no: 14, name: 'sp', kind: 'uint32', rule: 'required' },
    { no: 15, name: 'lr', kind: 'uint32', rule: 'required' },
    { no: 16, name: 'pc', kind: 'uint32', rule: 'required' },
    { no: 17, name: 'cpsr', kind: 'uint32', rule: 'required' },
    { no: 18, name: 'orig_r0', kind: 'uint32', rule: 'required' },
  ],
};

export interface UserArmVfpstateEntry {
  vfp_regs: bigint[];
  fpscr: number;
  fpexc: number;
  fpinst: number;
  fpinst2: number;
}
export const UserArmVfpstateEntry: MessageType<UserArmVfpstateEntry> = {
  name: 'UserArmVfpstateEntry',
  fields: [
    { no: 1, name: 'vfp_regs', kind: 'uint64', rule: 'repeated' },
    { no: 2, name: 'fpscr', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'fpexc', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'fpinst', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'fpinst2', kind: 'uint32', rule: 'required' },
  ],
};

export interface ThreadInfoArm {
  clear_tid_addr: bigint;
  tls: number;
  gpregs: UserArmRegsEntry;
  fpstate: UserArmVfpstateEntry;
}
export const ThreadInfoArm: MessageType<ThreadInfoArm> = {
  name: 'ThreadInfoArm',
  fields: [
    { no: 1, name: 'clear_tid_addr', kind: 'uint64', rule: 'required', hex: true },
    { no: 2, name: 'tls', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'gpregs', kind: 'message', rule: 'required', of: () => UserArmRegsEntry, hex: true },
    { no: 4, name: 'fpstate', kind: 'message', rule: 'required', of: () => UserArmVfpstateEntry },
  ],
};

export interface UserPpc64RegsEntry {
  gpr: bigint[];
  nip: bigint;
  msr: bigint;
  orig_gpr3: bigint;
  ctr: bigint;
  link: bigint;
  xer: bigint;
  ccr: bigint;
  trap: bigint;
  texasr?: bigint;
  tfhar?: bigint;
  tfiar?: bigint;
}
export const UserPpc64RegsEntry: MessageType<UserPpc64RegsEntry> = {
  name: 'UserPpc64RegsEntry',
  fields: [
    { no: 1, name: 'gpr', kind: 'uint64', rule: 'repeated' },
    { no: 2, name: 'nip', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'msr', kind: 'uint64', rule: 'required' },
    { no: 4, name: 'orig_gpr3', kind: 'uint64', rule: 'required' },
    { no: 5, name: 'ctr', kind: 'uint64', rule: 'required' },
    { no: 6, name: 'link', kind: 'uint64', rule: 'required' },
    { no: 7, name: 'xer', kind: 'uint64', rule: 'required' },
    { no: 8, name: 'ccr', kind: 'uint64', rule: 'required' },
    { no: 9, name: 'trap', kind: 'uint64', rule: 'required' },
    { no: 10, name: 'texasr', kind: 'uint64', rule: 'optional' },
    { no: 11, name: 'tfhar', kind: 'uint64', rule: 'optional' },
    { no: 12, name: 'tfiar', kind: 'uint64', rule: 'optional' },
  ],
};

export interface UserPpc64FpstateEntry {
  fpregs: bigint[];
}
export const UserPpc64FpstateEntry: MessageType<UserPpc64FpstateEntry> = {
  name: 'UserPpc64FpstateEntry',
  fields: [
    { no: 1, name: 'fpregs', kind: 'uint64', rule: 'repeated' },
  ],
};

export interface UserPpc64VrstateEntry {
  vrregs: bigint[];
  vrsave: number;
}
export const UserPpc64VrstateEntry: MessageType<UserPpc64VrstateEntry> = {
  name: 'UserPpc64VrstateEntry',
  fields: [
    { no: 1, name: 'vrregs', kind: 'uint64', rule: 'repeated' },
    { no: 2, name: 'vrsave', kind: 'uint32', rule: 'required' },
  ],
};

export interface UserPpc64VsxstateEntry {
  vsxregs: bigint[];
}
export const UserPpc64VsxstateEntry: MessageType<UserPpc64VsxstateEntry> = {
  name: 'UserPpc64VsxstateEntry',
  fields: [
    { no: 1, name: 'vsxregs', kind: 'uint64', rule: 'repeated' },
  ],
};

export interface UserPpc64TmRegsEntry {
  gpregs: UserPpc64RegsEntry;
  fpstate?: UserPpc64FpstateEntry;
  vrstate?: UserPpc64VrstateEntry;
  vsxstate?: UserPpc64VsxstateEntry;
}
export const UserPpc64TmRegsEntry: MessageType<UserPpc64TmRegsEntry> = {
  name: 'UserPpc64TmRegsEntry',
  fields: [
    { no: 1, name: 'gpregs', kind: 'message', rule: 'required', of: () => UserPpc64RegsEntry },
    { no: 2, name: 'fpstate', kind: 'message', rule: 'optional', of: () => UserPpc64FpstateEntry },
    { no: 3, name: 'vrstate', kind: 'message', rule: 'optional', of: () => UserPpc64VrstateEntry },
    { no: 4, name: 'vsxstate', kind: 'message', rule: 'optional', of: () => UserPpc64VsxstateEntry },
  ],
};

export interface ThreadInfoPpc64 {
  clear_tid_addr: bigint;
  gpregs: UserPpc64RegsEntry;
  fpstate?: UserPpc64FpstateEntry;
  vrstate?: UserPpc64VrstateEntry;
  vsxstate?: UserPpc64VsxstateEntry;
  tmstate?: UserPpc64TmRegsEntry;
}
export const ThreadInfoPpc64: MessageType<ThreadInfoPpc64> = {
  name: 'ThreadInfoPpc64',
  fields: [
    { no: 1, name: 'clear_tid_addr', kind: 'uint64', rule: 'required', hex: true },
    { no: 2, name: 'gpregs', kind: 'message', rule: 'required', of: () => UserPpc64RegsEntry, hex: true },
    { no: 3, name: 'fpstate', kind: 'message', rule: 'optional', of: () => UserPpc64FpstateEntry },
    { no: 4, name: 'vrstate', kind: 'message', rule: 'optional', of: () => UserPpc64VrstateEntry },
    { no: 5, name: 'vsxstate', kind: 'message', rule: 'optional', of: () => UserPpc64VsxstateEntry },
    { no: 6, name: 'tmstate', kind: 'message', rule: 'optional', of: () => UserPpc64TmRegsEntry },
  ],
};

export interface UserS390RegsEntry {
  psw_mask: bigint;
  psw_addr: bigint;
  gprs: bigint[];
  acrs: number[];
  orig_gpr2: bigint;
  system_call: number;
}
export const UserS390RegsEntry: MessageType<UserS390RegsEntry> = {
  name: 'UserS390RegsEntry',
  fields: [
    { no: 1, name: 'psw_mask', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'psw_addr', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'gprs', kind: 'uint64', rule: 'repeated' },
    { no: 4, name: 'acrs', kind: 'uint32', rule: 'repeated' },
    { no: 5, name: 'orig_gpr2', kind: 'uint64', rule: 'required' },
    { no: 6, name: 'system_call', kind: 'uint32', rule: 'required' },
  ],
};

export interface UserS390VxrsLowEntry {
  regs: bigint[];
}
export const UserS390VxrsLowEntry: MessageType<UserS390VxrsLowEntry> = {
  name: 'UserS390VxrsLowEntry',
  fields: [
    { no: 1, name: 'regs', kind: 'uint64', rule: 'repeated' },
  ],
};

export interface UserS390VxrsHighEntry {
  regs: bigint[];
}
export const UserS390VxrsHighEntry: MessageType<UserS390VxrsHighEntry> = {
  name: 'UserS390VxrsHighEntry',
  fields: [
    { no: 1, name: 'regs', kind: 'uint64', rule: 'repeated' },
  ],
};

export interface UserS390FpregsEntry {
  fpc: number;
  fprs: bigint[];
}
export const UserS390FpregsEntry: MessageType<UserS390FpregsEntry> = {
  name: 'UserS390FpregsEntry',
  fields: [
    { no: 1, name: 'fpc', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'fprs', kind: 'uint64', rule: 'repeated' },
  ],
};

export interface UserS390GsCbEntry {
  regs: bigint[];
}
export const UserS390GsCbEntry: MessageType<UserS390GsCbEntry> = {
  name: 'UserS390GsCbEntry',
  fields: [
    { no: 1, name: 'regs', kind: 'uint64', rule: 'repeated' },
  ],
};

export interface UserS390RiEntry {
  ri_on: number;
  regs: bigint[];
}
export const UserS390RiEntry: MessageType<UserS390RiEntry> = {
  name: 'UserS390RiEntry',
  fields: [
    { no: 1, name: 'ri_on', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'regs', kind: 'uint64', rule: 'repeated' },
  ],
};

export interface ThreadInfoS390 {
  clear_tid_addr: bigint;
  gpregs: UserS390RegsEntry;
  fpregs: UserS390FpregsEntry;
  vxrs_low?: UserS390VxrsLowEntry;
  vxrs_high?: UserS390VxrsHighEntry;
  gs_cb?: UserS390GsCbEntry;
  gs_bc?: UserS390GsCbEntry;
  ri_cb?: UserS390RiEntry;
}
export const ThreadInfoS390: MessageType<ThreadInfoS390> = {
  name: 'ThreadInfoS390',
  fields: [
    { no: 1, name: 'clear_tid_addr', kind: 'uint64', rule: 'required', hex: true },
    { no: 2, name: 'gpregs', kind: 'message', rule: 'required', of: () => UserS390RegsEntry, hex: true },
    { no: 3, name: 'fpregs', kind: 'message', rule: 'required', of: () => UserS390FpregsEntry, hex: true },
    { no: 4, name: 'vxrs_low', kind: 'message', rule: 'optional', of: () => UserS390VxrsLowEntry, hex: true },
    { no: 5, name: 'vxrs_high', kind: 'message', rule: 'optional', of: () => UserS390VxrsHighEntry, hex: true },
    { no: 6, name: 'gs_cb', kind: 'message', rule: 'optional', of: () => UserS390GsCbEntry, hex: true },
    { no: 7, name: 'gs_bc', kind: 'message', rule: 'optional', of: () => UserS390GsCbEntry, hex: true },
    { no: 8, name: 'ri_cb', kind: 'message', rule: 'optional', of: () => UserS390RiEntry, hex: true },
  ],
};

export interface UserMipsRegsEntry {
  r0: bigint;
  r1: bigint;
  r2: bigint;
  r3: bigint;
  r4: bigint;
  r5: bigint;
  r6: bigint;
  r7: bigint;
  r8: bigint;
  r9: bigint;
  r10: bigint;
  r11: bigint;
  r12: bigint;
  r13: bigint;
  r14: bigint;
  r15: bigint;
  r16: bigint;
  r17: bigint;
  r18: bigint;
  r19: bigint;
  r20: bigint;
  r21: bigint;
  r22: bigint;
  r23: bigint;
  r24: bigint;
  r25: bigint;
  r26: bigint;
  r27: bigint;
  r28: bigint;
  r29: bigint;
  r30: bigint;
  r31: bigint;
  lo: bigint;
  hi: bigint;
  cp0_epc: bigint;
  cp0_badvaddr: bigint;
  cp0_status: bigint;
  cp0_cause: bigint;
}
export const UserMipsRegsEntry: MessageType<UserMipsRegsEntry> = {
  name: 'UserMipsRegsEntry',
  fields: [
    { no: 1, name: 'r0', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'r1', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'r2', kind: 'uint64', rule: 'required' },
    { no: 4, name: 'r3', kind: 'uint64', rule: 'required' },
    { no: 5, name: 'r4', kind: 'uint64', rule: 'required' },
    { no: 6, name: 'r5', kind: 'uint64', rule: 'required' },
    { no: 7, name: 'r6', kind: 'uint64', rule: 'required' },
    { no: 8, name: 'r7', kind: 'uint64', rule: 'required' },
    { no: 9, name: 'r8', kind: 'uint64', rule: 'required' },
    { no: 10, name: 'r9', kind: 'uint64', rule: 'required' },
    { no: 11, name: 'r10', kind: 'uint64', rule: 'required' },
    { no: 12, name: 'r11', kind: 'uint64', rule: 'required' },
    { no: 13, name: 'r12', kind: 'uint64', rule: 'required' },
    { no: 14, name: 'r13', kind: 'uint64', rule: 'required' },
    { no: 15, name: 'r14', kind: 'uint64', rule: 'required' },
    { no: 16, name: 'r15', kind: 'uint64', rule: 'required' },
    { no: 17, name: 'r16', kind: 'uint64', rule: 'required' },
    { no: 18, name: 'r17', kind: 'uint64', rule: 'required' },
    { no: 19, name: 'r18', kind: 'uint64', rule: 'required' },
    { no: 20, name: 'r19', kind: 'uint64', rule: 'required' },
    { no: 21, name: 'r20', kind: 'uint64', rule: 'required' },
    { no: 22, name: 'r21', kind: 'uint64', rule: 'required' },
    { no: 23, name: 'r22', kind: 'uint64', rule: 'required' },
    { no: 24, name: 'r23', kind: 'uint64', rule: 'required' },
    { no: 25, name: 'r24', kind: 'uint64', rule: 'required' },
    { no: 26, name: 'r25', kind: 'uint64', rule: 'required' },
    { no: 27, name: 'r26', kind: 'uint64', rule: 'required' },
    { no: 28, name: 'r27', kind: 'uint64', rule: 'required' },
    { no: 29, name: 'r28', kind: 'uint64', rule: 'required' },
    { no: 30, name: 'r29', kind: 'uint64', rule: 'required' },
    { no: 31, name: 'r30', kind: 'uint64', rule: 'required' },
    { no: 32, name: 'r31', kind: 'uint64', rule: 'required' },
    { no: 33, name: 'lo', kind: 'uint64', rule: 'required' },
    { no: 34, name: 'hi', kind: 'uint64', rule: 'required' },
    { no: 35, name: 'cp0_epc', kind: 'uint64', rule: 'required' },
    { no: 36, name: 'cp0_badvaddr', kind: 'uint64', rule: 'required' },
    { no: 37, name: 'cp0_status', kind: 'uint64', rule: 'required' },
    { no: 38, name: 'cp0_cause', kind: 'uint64', rule: 'required' },
  ],
};

export interface UserMipsFpregsEntry {
  r0: bigint;
  r1: bigint;
  r2: bigint;
  r3: bigint;
  r4: bigint;
  r5: bigint;
  r6: bigint;
  r7: bigint;
  r8: bigint;
  r9: bigint;
  r10: bigint;
  r11: bigint;
  r12: bigint;
  r13: bigint;
  r14: bigint;
  r15: bigint;
  r16: bigint;
  r17: bigint;
  r18: bigint;
  r19: bigint;
  r20: bigint;
  r21: bigint;
  r22: bigint;
  r23: bigint;
  r24: bigint;
  r25: bigint;
  r26: bigint;
  r27: bigint;
  r28: bigint;
  r29: bigint;
  r30: bigint;
  r31: bigint;
  lo: bigint;
  hi: bigint;
  fpu_fcr31: number;
  fpu_id: number;
}
export const UserMipsFpregsEntry: MessageType<UserMipsFpregsEntry> = {
  name: 'UserMipsFpregsEntry',
  fields: [
    { no: 1, name: 'r0', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'r1', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'r2', kind: 'uint64', rule: 'required' },
    { no: 4, name: 'r3', kind: 'uint64', rule: 'required' },
    { no: 5, name: 'r4', kind: 'uint64', rule: 'required' },
    { no: 6, name: 'r5', kind: 'uint64', rule: 'required' },
    { no: 7, name: 'r6', kind: 'uint64', rule: 'required' },
    { no: 8, name: 'r7', kind: 'uint64', rule: 'required' },
    { no: 9, name: 'r8', kind: 'uint64', rule: 'required' },
    { no: 10, name: 'r9', kind: 'uint64', rule: 'required' },
    { no: 11, name: 'r10', kind: 'uint64', rule: 'required' },
    { no: 12, name: 'r11', kind: 'uint64', rule: 'required' },
    { no: 13, name: 'r12', kind: 'uint64', rule: 'required' },
    { no: 14, name: 'r13', kind: 'uint64', rule: 'required' },
    { no: 15, name: 'r14', kind: 'uint64', rule: 'required' },
    { no: 16, name: 'r15', kind: 'uint64', rule: 'required' },
    { no: 17, name: 'r16', kind: 'uint64', rule: 'required' },
    { no: 18, name: 'r17', kind: 'uint64', rule: 'required' },
    { no: 19, name: 'r18', kind: 'uint64', rule: 'required' },
    { no: 20, name: 'r19', kind: 'uint64', rule: 'required' },
    { no: 21, name: 'r20', kind: 'uint64', rule: 'required' },
    { no: 22, name: 'r21', kind: 'uint64', rule: 'required' },
    { no: 23, name: 'r22', kind: 'uint64', rule: 'required' },
    { no: 24, name: 'r23', kind: 'uint64', rule: 'required' },
    { no: 25, name: 'r24', kind: 'uint64', rule: 'required' },
    { no: 26, name: 'r25', kind: 'uint64', rule: 'required' },
    { no: 27, name: 'r26', kind: 'uint64', rule: 'required' },
    { no: 28, name: 'r27', kind: 'uint64', rule: 'required' },
    { no: 29, name: 'r28', kind: 'uint64', rule: 'required' },
    { no: 30, name: 'r29', kind: 'uint64', rule: 'required' },
    { no: 31, name: 'r30', kind: 'uint64', rule: 'required' },
    { no: 32, name: 'r31', kind: 'uint64', rule: 'required' },
    { no: 33, name: 'lo', kind: 'uint64', rule: 'required' },
    { no: 34, name: 'hi', kind: 'uint64', rule: 'required' },
    { no: 35, name: 'fpu_fcr31', kind: 'uint32', rule: 'required' },
    { no: 36, name: 'fpu_id', kind: 'uint32', rule: 'required' },
  ],
};

export interface ThreadInfoMips {
  clear_tid_addr: bigint;
  tls: bigint;
  gpregs: UserMipsRegsEntry;
  fpregs: UserMipsFpregsEntry;
}
export const ThreadInfoMips: MessageType<ThreadInfoMips> = {
  name: 'ThreadInfoMips',
  fields: [
    { no: 1, name: 'clear_tid_addr', kind: 'uint64', rule: 'required', hex: true },
    { no: 2, name: 'tls', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'gpregs', kind: 'message', rule: 'required', of: () => UserMipsRegsEntry, hex: true },
    { no: 4, name: 'fpregs', kind: 'message', rule: 'required', of: () => UserMipsFpregsEntry, hex: true },
  ],
};

export interface UserLoongarch64GpregsEntry {
  regs: bigint[];
  pc: bigint;
}
export const UserLoongarch64GpregsEntry: MessageType<UserLoongarch64GpregsEntry> = {
  name: 'UserLoongarch64GpregsEntry',
  fields: [
    { no: 1, name: 'regs', kind: 'uint64', rule: 'repeated' },
    { no: 2, name: 'pc', kind: 'uint64', rule: 'required' },
  ],
};

export interface UserLoongarch64FpregsEntry {
  regs: bigint[];
  fcc: bigint;
  fcsr: number;
}
export const UserLoongarch64FpregsEntry: MessageType<UserLoongarch64FpregsEntry> = {
  name: 'UserLoongarch64FpregsEntry',
  fields: [
    { no: 1, name: 'regs', kind: 'uint64', rule: 'repeated' },
    { no: 2, name: 'fcc', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'fcsr', kind: 'uint32', rule: 'required' },
  ],
};

export interface ThreadInfoLoongarch64 {
  clear_tid_addr: bigint;
  tls: bigint;
  gpregs: UserLoongarch64GpregsEntry;
  fpregs: UserLoongarch64FpregsEntry;
}
export const ThreadInfoLoongarch64: MessageType<ThreadInfoLoongarch64> = {
  name: 'ThreadInfoLoongarch64',
  fields: [
    { no: 1, name: 'clear_tid_addr', kind: 'uint64', rule: 'required', hex: true },
    { no: 2, name: 'tls', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'gpregs', kind: 'message', rule: 'required', of: () => UserLoongarch64GpregsEntry, hex: true },
    { no: 4, name: 'fpregs', kind: 'message', rule: 'required', of: () => UserLoongarch64FpregsEntry, hex: true },
  ],
};

export interface UserRiscv64RegsEntry {
  pc: bigint;
  ra: bigint;
  sp: bigint;
  gp: bigint;
  tp: bigint;
  t0: bigint;
  t1: bigint;
  t2: bigint;
  s0: bigint;
  s1: bigint;
  a0: bigint;
  a1: bigint;
  a2: bigint;
  a3: bigint;
  a4: bigint;
  a5: bigint;
  a6: bigint;
  a7: bigint;
  s2: bigint;
  s3: bigint;
  s4: bigint;
  s5: bigint;
  s6: bigint;
  s7: bigint;
  s8: bigint;
  s9: bigint;
  s10: bigint;
  s11: bigint;
  t3: bigint;
  t4: bigint;
  t5: bigint;
  t6: bigint;
}
export const UserRiscv64RegsEntry: MessageType<UserRiscv64RegsEntry> = {
  name: 'UserRiscv64RegsEntry',
  fields: [
    { no: 1, name: 'pc', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'ra', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'sp', kind: 'uint64', rule: 'required' },
    { no: 4, name: 'gp', kind: 'uint64', rule: 'required' },
    { no: 5, name: 'tp', kind: 'uint64', rule: 'required' },
    { no: 6, name: 't0', kind: 'uint64', rule: 'required' },
    { no: 7, name: 't1', kind: 'uint64', rule: 'required' },
    { no: 8, name: 't2', kind: 'uint64', rule: 'required' },
    { no: 9, name: 's0', kind: 'uint64', rule: 'required' },
    { no: 10, name: 's1', kind: 'uint64', rule: 'required' },
    { no: 11, name: 'a0', kind: 'uint64', rule: 'required' },
    { no: 12, name: 'a1', kind: 'uint64', rule: 'required' },
    { no: 13, name: 'a2', kind: 'uint64', rule: 'required' },
    { no: 14, name: 'a3', kind: 'uint64', rule: 'required' },
    { no: 15, name: 'a4', kind: 'uint64', rule: 'required' },
    { no: 16, name: 'a5', kind: 'uint64', rule: 'required' },
    { no: 17, name: 'a6', kind: 'uint64', rule: 'required' },
    { no: 18, name: 'a7', kind: 'uint64', rule: 'required' },
    { no: 19, name: 's2', kind: 'uint64', rule: 'required' },
    { no: 20, name: 's3', kind: 'uint64', rule: 'required' },
    { no: 21, name: 's4', kind: 'uint64', rule: 'required' },
    { no: 22, name: 's5', kind: 'uint64', rule: 'required' },
    { no: 23, name: 's6', kind: 'uint64', rule: 'required' },
    { no: 24, name: 's7', kind: 'uint64', rule: 'required' },
    { no: 25, name: 's8', kind: 'uint64', rule: 'required' },
    { no: 26, name: 's9', kind: 'uint64', rule: 'required' },
    { no: 27, name: 's10', kind: 'uint64', rule: 'required' },
    { no: 28, name: 's11', kind: 'uint64', rule: 'required' },
    { no: 29, name: 't3', kind: 'uint64', rule: 'required' },
    { no: 30, name: 't4', kind: 'uint64', rule: 'required' },
    { no: 31, name: 't5', kind: 'uint64', rule: 'required' },
    { no: 32, name: 't6', kind: 'uint64', rule: 'required' },
  ],
};

export interface UserRiscv64DExtEntry {
  f: bigint[];
  fcsr: number;
}
export const UserRiscv64DExtEntry: MessageType<UserRiscv64DExtEntry> = {
  name: 'UserRiscv64DExtEntry',
  fields: [
    { no: 1, name: 'f', kind: 'uint64', rule: 'repeated' },
    { no: 2, name: 'fcsr', kind: 'uint32', rule: 'required' },
  ],
};

export interface ThreadInfoRiscv64 {
  clear_tid_addr: bigint;
  tls: bigint;
  gpregs: UserRiscv64RegsEntry;
  fpsimd: UserRiscv64DExtEntry;
}
export const ThreadInfoRiscv64: MessageType<ThreadInfoRiscv64> = {
  name: 'ThreadInfoRiscv64',
  fields: [
    { no: 1, name: 'clear_tid_addr', kind: 'uint64', rule: 'required', hex: true },
    { no: 2, name: 'tls', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'gpregs', kind: 'message', rule: 'required', of: () => UserRiscv64RegsEntry, hex: true },
    { no: 4, name: 'fpsimd', kind: 'message', rule: 'required', of: () => UserRiscv64DExtEntry },
  ],
};
