// Generated from proto/criu/namespaces.proto by scripts/protoc-gen-tables.ts: do not edit.
import type { MessageType } from '../../bytes/proto2-schema.ts';

export const Fstype = {
  UNSUPPORTED: 0,
  PROC: 1,
  SYSFS: 2,
  DEVTMPFS: 3,
  BINFMT_MISC: 4,
  TMPFS: 5,
  DEVPTS: 6,
  SIMFS: 7,
  PSTORE: 8,
  SECURITYFS: 9,
  FUSECTL: 10,
  DEBUGFS: 11,
  CGROUP: 12,
  AUFS: 13,
  MQUEUE: 14,
  FUSE: 15,
  AUTO: 16,
  OVERLAYFS: 17,
  AUTOFS: 18,
  TRACEFS: 19,
  CGROUP2: 23,
} as const;

export const NdType = {
  LOOPBACK: 1,
  VETH: 2,
  TUN: 3,
  EXTLINK: 4,
  VENET: 5,
  BRIDGE: 6,
  MACVLAN: 7,
  SIT: 8,
} as const;

export const SysctlType = {
  CTL_STR: 5,
  CTL_32: 6,
} as const;

export interface MntEntry {
  fstype: number;
  mnt_id: number;
  root_dev: number;
  parent_mnt_id: number;
  flags: number;
  root: string;
  mountpoint: string;
  source: string;
  options: string;
  shared_id?: number;
  master_id?: number;
  with_plugin?: boolean;
  ext_mount?: boolean;
  fsname?: string;
  internal_sharing?: boolean;
  deleted?: boolean;
  sb_flags?: number;
  ext_key?: string;
}
export const MntEntry: MessageType<MntEntry> = {
  name: 'MntEntry',
  fields: [
    { no: 1, name: 'fstype', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'mnt_id', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'root_dev', kind: 'uint32', rule: 'required', device: true },
    { no: 4, name: 'parent_mnt_id', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'flags', kind: 'uint32', rule: 'required', hex: true },
    { no: 6, name: 'root', kind: 'string', rule: 'required' },
    { no: 7, name: 'mountpoint', kind: 'string', rule: 'required' },
    { no: 8, name: 'source', kind: 'string', rule: 'required' },
    { no: 9, name: 'options', kind: 'string', rule: 'required' },
    { no: 10, name: 'shared_id', kind: 'uint32', rule: 'optional' },
    { no: 11, name: 'master_id', kind: 'uint32', rule: 'optional' },
    { no: 12, name: 'with_plugin', kind: 'bool', rule: 'optional' },
    { no: 13, name: 'ext_mount', kind: 'bool', rule: 'optional' },
    { no: 14, name: 'fsname', kind: 'string', rule: 'optional' },
    { no: 15, name: 'internal_sharing', kind: 'bool', rule: 'optional' },
    { no: 16, name: 'deleted', kind: 'bool', rule: 'optional' },
    { no: 17, name: 'sb_flags', kind: 'uint32', rule: 'optional', hex: true },
    { no: 18, name: 'ext_key', kind: 'string', rule: 'optional' },
  ],
};

export interface NetDeviceEntry {
  type: number;
  ifindex: number;
  mtu: number;
  flags: number;
  name: string;
  tun?: TunLinkEntry;
  address?: Uint8Array;
  conf: number[];
  conf4: SysctlEntry[];
  conf6: SysctlEntry[];
  macvlan?: MacvlanLinkEntry;
  peer_ifindex?: number;
  peer_nsid?: number;
  master?: number;
  sit?: SitEntry;
}
export const NetDeviceEntry: MessageType<NetDeviceEntry> = {
  name: 'NetDeviceEntry',
  fields: [
    { no: 1, name: 'type', kind: 'enum', rule: 'required', of: () => NdType },
    { no: 2, name: 'ifindex', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'mtu', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'flags', kind: 'uint32', rule: 'required', hex: true },
    { no: 5, name: 'name', kind: 'string', rule: 'required' },
    { no: 6, name: 'tun', kind: 'message', rule: 'optional', of: () => TunLinkEntry },
    { no: 7, name: 'address', kind: 'bytes', rule: 'optional' },
    { no: 8, name: 'conf', kind: 'int32', rule: 'repeated' },
    { no: 9, name: 'conf4', kind: 'message', rule: 'repeated', of: () => SysctlEntry },
    { no: 10, name: 'conf6', kind: 'message', rule: 'repeated', of: () => SysctlEntry },
    { no: 11, name: 'macvlan', kind: 'message', rule: 'optional', of: () => MacvlanLinkEntry },
    { no: 12, name: 'peer_ifindex', kind: 'uint32', rule: 'optional' },
    { no: 13, name: 'peer_nsid', kind: 'uint32', rule: 'optional' },
    { no: 14, name: 'master', kind: 'uint32', rule: 'optional' },
    { no: 15, name: 'sit', kind: 'message', rule: 'optional', of: () => SitEntry },
  ],
};

export interface NetnsId {
  target_ns_id: number;
  netnsid_value: number;
}
export const NetnsId: MessageType<NetnsId> = {
  name: 'NetnsId',
  fields: [
    { no: 1, name: 'target_ns_id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'netnsid_value', kind: 'int32', rule: 'required' },
  ],
};

export interface NetnsEntry {
  def_conf: number[];
  all_conf: number[];
  def_conf4: SysctlEntry[];
  all_conf4: SysctlEntry[];
  def_conf6: SysctlEntry[];
  all_conf6: SysctlEntry[];
  nsids: NetnsId[];
  ext_key?: string;
  unix_conf: SysctlEntry[];
  ipv4_sysctl: SysctlEntry[];
}
export const NetnsEntry: MessageType<NetnsEntry> = {
  name: 'NetnsEntry',
  fields: [
    { no: 1, name: 'def_conf', kind: 'int32', rule: 'repeated' },
    { no: 2, name: 'all_conf', kind: 'int32', rule: 'repeated' },
    { no: 3, name: 'def_conf4', kind: 'message', rule: 'repeated', of: () => SysctlEntry },
    { no: 4, name: 'all_conf4', kind: 'message', rule: 'repeated', of: () => SysctlEntry },
    { no: 5, name: 'def_conf6', kind: 'message', rule: 'repeated', of: () => SysctlEntry },
    { no: 6, name: 'all_conf6', kind: 'message', rule: 'repeated', of: () => SysctlEntry },
    { no: 7, name: 'nsids', kind: 'message', rule: 'repeated', of: () => NetnsId },
    { no: 8, name: 'ext_key', kind: 'string', rule: 'optional' },
    { no: 9, name: 'unix_conf', kind: 'message', rule: 'repeated', of: () => SysctlEntry },
    { no: 10, name: 'ipv4_sysctl', kind: 'message', rule: 'repeated', of: () => SysctlEntry },
  ],
};

export interface MacvlanLinkEntry {
  mode: number;
  flags?: number;
}
export const MacvlanLinkEntry: MessageType<MacvlanLinkEntry> = {
  name: 'MacvlanLinkEntry',
  fields: [
    { no: 1, name: 'mode', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'flags', kind: 'uint32', rule: 'optional' },
  ],
};

export interface SitEntry {
  link?: number;
  local: number[];
  remote: number[];
  ttl?: number;
  tos?: number;
  pmtudisc?: boolean;
  proto?: number;
  flags?: number;
  encap_type?: number;
  encap_flags?: number;
  encap_sport?: number;
  encap_dport?: number;
  rd_prefixlen?: number;
  rd_prefix: number[];
  relay_prefixlen?: number;
  relay_prefix: number[];
}
export const SitEntry: MessageType<SitEntry> = {
  name: 'SitEntry',
  fields: [
    { no: 1, name: 'link', kind: 'uint32', rule: 'optional' },
    { no: 2, name: 'local', kind: 'uint32', rule: 'repeated', ipAddress: true },
    { no: 3, name: 'remote', kind: 'uint32', rule: 'repeated', ipAddress: true },
    { no: 4, name: 'ttl', kind: 'uint32', rule: 'optional' },
    { no: 5, name: 'tos', kind: 'uint32', rule: 'optional' },
    { no: 6, name: 'pmtudisc', kind: 'bool', rule: 'optional' },
    { no: 7, name: 'proto', kind: 'uint32', rule: 'optional' },
    { no: 8, name: 'flags', kind: 'uint32', rule: 'optional' },
    { no: 9, name: 'encap_type', kind: 'uint32', rule: 'optional' },
    { no: 10, name: 'encap_flags', kind: 'uint32', rule: 'optional' },
    { no: 11, name: 'encap_sport', kind: 'uint32', rule: 'optional' },
    { no: 12, name: 'encap_dport', kind: 'uint32', rule: 'optional' },
    { no: 13, name: 'rd_prefixlen', kind: 'uint32', rule: 'optional' },
    { no: 14, name: 'rd_prefix', kind: 'uint32', rule: 'repeated', ipAddress: true },
    { no: 15, name: 'relay_prefixlen', kind: 'uint32', rule: 'optional' },
    { no: 16, name: 'relay_prefix', kind: 'uint32', rule: 'repeated', ipAddress: true },
  ],
};

export interface TunfileEntry {
  id: number;
  netdev?: string;
  detached?: boolean;
  ns_id?: number;
}
export const TunfileEntry: MessageType<TunfileEntry> = {
  name: 'TunfileEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'netdev', kind: 'string', rule: 'optional' },
    { no: 3, name: 'detached', kind: 'bool', rule: 'optional' },
    { no: 4, name: 'ns_id', kind: 'uint32', rule: 'optional' },
  ],
};

export interface TunLinkEntry {
  flags: number;
  owner: number;
  group: number;
  vnethdr: number;
  sndbuf: number;
}
export const TunLinkEntry: MessageType<TunLinkEntry> = {
  name: 'TunLinkEntry',
  fields: [
    { no: 1, name: 'flags', kind: 'uint32', rule: 'required', hex: true },
    { no: 2, name: 'owner', kind: 'int32', rule: 'required' },
    { no: 3, name: 'group', kind: 'int32', rule: 'required' },
    { no: 4, name: 'vnethdr', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'sndbuf', kind: 'uint32', rule: 'required' },
  ],
};

export interface SysctlEntry {
  type: number;
  iarg?: number;
  sarg?: string;
}
export const SysctlEntry: MessageType<SysctlEntry> = {
  name: 'SysctlEntry',
  fields: [
    { no: 1, name: 'type', kind: 'enum', rule: 'required', of: () => SysctlType },
    { no: 2, name: 'iarg', kind: 'int32', rule: 'optional' },
    { no: 3, name: 'sarg', kind: 'string', rule: 'optional' },
  ],
};

export interface UtsnsEntry {
  nodename: string;
  domainname: string;
}
export const UtsnsEntry: MessageType<UtsnsEntry> = {
  name: 'UtsnsEntry',
  fields: [
    { no: 1, name: 'nodename', kind: 'string', rule: 'required' },
    { no: 2, name: 'domainname', kind: 'string', rule: 'required' },
  ],
};

export interface Timespec {
  tv_sec: bigint;
  tv_nsec: bigint;
}
export const Timespec: MessageType<Timespec> = {
  name: 'Timespec',
  fields: [
    { no: 1, name: 'tv_sec', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'tv_nsec', kind: 'uint64', rule: 'required' },
  ],
};

export interface TimensEntry {
  monotonic: Timespec;
  boottime: Timespec;
}
export const TimensEntry: MessageType<TimensEntry> = {
  name: 'TimensEntry',
  fields: [
    { no: 1, name: 'monotonic', kind: 'message', rule: 'required', of: () => Timespec },
    { no: 2, name: 'boottime', kind: 'message', rule: 'required', of: () => Timespec },
  ],
};

export interface PidnsEntry {
  ext_key?: string;
}
export const PidnsEntry: MessageType<PidnsEntry> = {
  name: 'PidnsEntry',
  fields: [
    { no: 1, name: 'ext_key', kind: 'string', rule: 'optional' },
  ],
};

export interface UidGidExtent {
  first: number;
  lower_first: number;
  count: number;
}
export const UidGidExtent: MessageType<UidGidExtent> = {
  name: 'UidGidExtent',
  fields: [
    { no: 1, name: 'first', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'lower_first', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'count', kind: 'uint32', rule: 'required' },
  ],
};

export interface UsernsEntry {
  uid_map: UidGidExtent[];
  gid_map: UidGidExtent[];
}
export const UsernsEntry: MessageType<UsernsEntry> = {
  name: 'UsernsEntry',
  fields: [
    { no: 1, name: 'uid_map', kind: 'message', rule: 'repeated', of: () => UidGidExtent },
    { no: 2, name: 'gid_map', kind: 'message', rule: 'repeated', of: () => UidGidExtent },
  ],
};

export interface IpcDescEntry {
  key: number;
  uid: number;
  gid: number;
  cuid: number;
  cgid: number;
  mode: number;
  id: number;
}
export const IpcDescEntry: MessageType<IpcDescEntry> = {
  name: 'IpcDescEntry',
  fields: [
    { no: 1, name: 'key', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'uid', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'gid', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'cuid', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'cgid', kind: 'uint32', rule: 'required' },
    { no: 6, name: 'mode', kind: 'uint32', rule: 'required' },
    { no: 7, name: 'id', kind: 'uint32', rule: 'required' },
  ],
};

export interface IpcMsg {
  mtype: bigint;
  msize: number;
}
export const IpcMsg: MessageType<IpcMsg> = {
  name: 'IpcMsg',
  fields: [
    { no: 1, name: 'mtype', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'msize', kind: 'uint32', rule: 'required' },
  ],
};

export interface IpcMsgEntry {
  desc: IpcDescEntry;
  qbytes: number;
  qnum: number;
}
export const IpcMsgEntry: MessageType<IpcMsgEntry> = {
  name: 'IpcMsgEntry',
  fields: [
    { no: 1, name: 'desc', kind: 'message', rule: 'required', of: () => IpcDescEntry },
    { no: 2, name: 'qbytes', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'qnum', kind: 'uint32', rule: 'required' },
  ],
};

export interface IpcSemEntry {
  desc: IpcDescEntry;
  nsems: number;
}
export const IpcSemEntry: MessageType<IpcSemEntry> = {
  name: 'IpcSemEntry',
  fields: [
    { no: 1, name: 'desc', kind: 'message', rule: 'required', of: () => IpcDescEntry },
    { no: 2, name: 'nsems', kind: 'uint32', rule: 'required' },
  ],
};

export interface IpcShmEntry {
  desc: IpcDescEntry;
  size: bigint;
  in_pagemaps?: boolean;
  hugetlb_flag?: number;
}
export const IpcShmEntry: MessageType<IpcShmEntry> = {
  name: 'IpcShmEntry',
  fields: [
    { no: 1, name: 'desc', kind: 'message', rule: 'required', of: () => IpcDescEntry },
    { no: 2, name: 'size', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'in_pagemaps', kind: 'bool', rule: 'optional' },
    { no: 4, name: 'hugetlb_flag', kind: 'uint32', rule: 'optional' },
  ],
};

export interface IpcVarEntry {
  sem_ctls: number[];
  msg_ctlmax: number;
  msg_ctlmnb: number;
  msg_ctlmni: number;
  auto_msgmni: number;
  shm_ctlmax: bigint;
  shm_ctlall: bigint;
  shm_ctlmni: number;
  shm_rmid_forced: number;
  mq_queues_max: number;
  mq_msg_max: number;
  mq_msgsize_max: number;
  mq_msg_default?: number;
  mq_msgsize_default?: number;
  msg_next_id?: number;
  sem_next_id?: number;
  shm_next_id?: number;
}
export const IpcVarEntry: MessageType<IpcVarEntry> = {
  name: 'IpcVarEntry',
  fields: [
    { no: 1, name: 'sem_ctls', kind: 'uint32', rule: 'repeated' },
    { no: 2, name: 'msg_ctlmax', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'msg_ctlmnb', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'msg_ctlmni', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'auto_msgmni', kind: 'uint32', rule: 'required' },
    { no: 6, name: 'shm_ctlmax', kind: 'uint64', rule: 'required' },
    { no: 7, name: 'shm_ctlall', kind: 'uint64', rule: 'required' },
    { no: 8, name: 'shm_ctlmni', kind: 'uint32', rule: 'required' },
    { no: 9, name: 'shm_rmid_forced', kind: 'uint32', rule: 'required' },
    { no: 10, name: 'mq_queues_max', kind: 'uint32', rule: 'required' },
    { no: 11, name: 'mq_msg_max', kind: 'uint32', rule: 'required' },
    { no: 12, name: 'mq_msgsize_max', kind: 'uint32', rule: 'required' },
    { no: 13, name: 'mq_msg_default', kind: 'uint32', rule: 'optional' },
    { no: 14, name: 'mq_msgsize_default', kind: 'uint32', rule: 'optional' },
    { no: 15, name: 'msg_next_id', kind: 'uint32', rule: 'optional' },
    { no: 16, name: 'sem_next_id', kind: 'uint32', rule: 'optional' },
    { no: 17, name: 'shm_next_id', kind: 'uint32', rule: 'optional' },
  ],
};
