// Generated from proto/criu/inventory.proto by scripts/protoc-gen-tables.ts: do not edit.
import type { MessageType } from '../../bytes/proto2-schema.ts';
import { TaskKobjIdsEntry } from './task.ts';

export const Lsmtype = {
  NO_LSM: 0,
  SELINUX: 1,
  APPARMOR: 2,
} as const;

export const CpuinfoX86EntryVendor = {
  UNKNOWN: 0,
  INTEL: 1,
  AMD: 2,
} as const;

export const CpuinfoPpc64EntryEndianness = {
  BIGENDIAN: 0,
  LITTLEENDIAN: 1,
} as const;

export interface PluginsEntry {
  plugins: string[];
}
export const PluginsEntry: MessageType<PluginsEntry> = {
  name: 'PluginsEntry',
  fields: [
    { no: 12, name: 'plugins', kind: 'string', rule: 'repeated' },
  ],
};

export interface InventoryEntry {
  img_version: number;
  fdinfo_per_id?: boolean;
  root_ids?: TaskKobjIdsEntry;
  ns_per_id?: boolean;
  root_cg_set?: number;
  lsmtype?: number;
  dump_uptime?: bigint;
  pre_dump_mode?: number;
  tcp_close?: boolean;
  network_lock_method?: number;
  plugins_entry?: PluginsEntry;
  dump_criu_run_id?: string;
  allow_uprobes?: boolean;
}
export const InventoryEntry: MessageType<InventoryEntry> = {
  name: 'InventoryEntry',
  fields: [
    { no: 1, name: 'img_version', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'fdinfo_per_id', kind: 'bool', rule: 'optional' },
    { no: 3, name: 'root_ids', kind: 'message', rule: 'optional', of: () => TaskKobjIdsEntry },
    { no: 4, name: 'ns_per_id', kind: 'bool', rule: 'optional' },
    { no: 5, name: 'root_cg_set', kind: 'uint32', rule: 'optional' },
    { no: 6, name: 'lsmtype', kind: 'enum', rule: 'optional', of: () => Lsmtype },
    { no: 8, name: 'dump_uptime', kind: 'uint64', rule: 'optional' },
    { no: 9, name: 'pre_dump_mode', kind: 'uint32', rule: 'optional' },
    { no: 10, name: 'tcp_close', kind: 'bool', rule: 'optional' },
    { no: 11, name: 'network_lock_method', kind: 'uint32', rule: 'optional' },
    { no: 12, name: 'plugins_entry', kind: 'message', rule: 'optional', of: () => PluginsEntry },
    { no: 13, name: 'dump_criu_run_id', kind: 'string', rule: 'optional' },
    { no: 14, name: 'allow_uprobes', kind: 'bool', rule: 'optional' },
  ],
};

export interface PstreeEntry {
  pid: number;
  ppid: number;
  pgid: number;
  sid: number;
  threads: number[];
}
export const PstreeEntry: MessageType<PstreeEntry> = {
  name: 'PstreeEntry',
  fields: [
    { no: 1, name: 'pid', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'ppid', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'pgid', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'sid', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'threads', kind: 'uint32', rule: 'repeated' },
  ],
};

export interface DumpStatsEntry {
  freezing_time: number;
  frozen_time: number;
  memdump_time: number;
  memwrite_time: number;
  pages_scanned: bigint;
  pages_skipped_parent: bigint;
  pages_written: bigint;
  irmap_resolve?: number;
  pages_lazy: bigint;
  page_pipes?: bigint;
  page_pipe_bufs?: bigint;
  shpages_scanned?: bigint;
  shpages_skipped_parent?: bigint;
  shpages_written?: bigint;
}
export const DumpStatsEntry: MessageType<DumpStatsEntry> = {
  name: 'DumpStatsEntry',
  fields: [
    { no: 1, name: 'freezing_time', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'frozen_time', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'memdump_time', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'memwrite_time', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'pages_scanned', kind: 'uint64', rule: 'required' },
    { no: 6, name: 'pages_skipped_parent', kind: 'uint64', rule: 'required' },
    { no: 7, name: 'pages_written', kind: 'uint64', rule: 'required' },
    { no: 8, name: 'irmap_resolve', kind: 'uint32', rule: 'optional' },
    { no: 9, name: 'pages_lazy', kind: 'uint64', rule: 'required' },
    { no: 10, name: 'page_pipes', kind: 'uint64', rule: 'optional' },
    { no: 11, name: 'page_pipe_bufs', kind: 'uint64', rule: 'optional' },
    { no: 12, name: 'shpages_scanned', kind: 'uint64', rule: 'optional' },
    { no: 13, name: 'shpages_skipped_parent', kind: 'uint64', rule: 'optional' },
    { no: 14, name: 'shpages_written', kind: 'uint64', rule: 'optional' },
  ],
};

export interface RestoreStatsEntry {
  pages_compared: bigint;
  pages_skipped_cow: bigint;
  forking_time: number;
  restore_time: number;
  pages_restored?: bigint;
}
export const RestoreStatsEntry: MessageType<RestoreStatsEntry> = {
  name: 'RestoreStatsEntry',
  fields: [
    { no: 1, name: 'pages_compared', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'pages_skipped_cow', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'forking_time', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'restore_time', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'pages_restored', kind: 'uint64', rule: 'optional' },
  ],
};

export interface StatsEntry {
  dump?: DumpStatsEntry;
  restore?: RestoreStatsEntry;
}
export const StatsEntry: MessageType<StatsEntry> = {
  name: 'StatsEntry',
  fields: [
    { no: 1, name: 'dump', kind: 'message', rule: 'optional', of: () => DumpStatsEntry },
    { no: 2, name: 'restore', kind: 'message', rule: 'optional', of: () => RestoreStatsEntry },
  ],
};

export interface CpuinfoX86Entry {
  vendor_id: number;
  cpu_family: number;
  model: number;
  stepping: number;
  capability_ver: number;
  capability: number[];
  model_id?: string;
  xfeatures_mask?: bigint;
  xsave_size?: number;
  xsave_size_max?: number;
}
export const CpuinfoX86Entry: MessageType<CpuinfoX86Entry> = {
  name: 'CpuinfoX86Entry',
  fields: [
    { no: 1, name: 'vendor_id', kind: 'enum', rule: 'required', of: () => CpuinfoX86EntryVendor },
    { no: 2, name: 'cpu_family', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'model', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'stepping', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'capability_ver', kind: 'uint32', rule: 'required' },
    { no: 6, name: 'capability', kind: 'uint32', rule: 'repeated' },
    { no: 7, name: 'model_id', kind: 'string', rule: 'optional' },
    { no: 8, name: 'xfeatures_mask', kind: 'uint64', rule: 'optional' },
    { no: 9, name: 'xsave_size', kind: 'uint32', rule: 'optional' },
    { no: 10, name: 'xsave_size_max', kind: 'uint32', rule: 'optional' },
  ],
};

export interface CpuinfoPpc64Entry {
  endian: number;
  hwcap: bigint[];
}
export const CpuinfoPpc64Entry: MessageType<CpuinfoPpc64Entry> = {
  name: 'CpuinfoPpc64Entry',
  fields: [
    { no: 1, name: 'endian', kind: 'enum', rule: 'required', of: () => CpuinfoPpc64EntryEndianness },
    { no: 2, name: 'hwcap', kind: 'uint64', rule: 'repeated' },
  ],
};

export interface CpuinfoS390Entry {
  hwcap: bigint[];
}
export const CpuinfoS390Entry: MessageType<CpuinfoS390Entry> = {
  name: 'CpuinfoS390Entry',
  fields: [
    { no: 2, name: 'hwcap', kind: 'uint64', rule: 'repeated' },
  ],
};

export interface CpuinfoEntry {
  x86_entry: CpuinfoX86Entry[];
  ppc64_entry: CpuinfoPpc64Entry[];
  s390_entry: CpuinfoS390Entry[];
}
export const CpuinfoEntry: MessageType<CpuinfoEntry> = {
  name: 'CpuinfoEntry',
  fields: [
    { no: 1, name: 'x86_entry', kind: 'message', rule: 'repeated', of: () => CpuinfoX86Entry },
    { no: 2, name: 'ppc64_entry', kind: 'message', rule: 'repeated', of: () => CpuinfoPpc64Entry },
    { no: 3, name: 's390_entry', kind: 'message', rule: 'repeated', of: () => CpuinfoS390Entry },
  ],
};

export interface ImgStreamerRequestEntry {
  filename: string;
}
export const ImgStreamerRequestEntry: MessageType<ImgStreamerRequestEntry> = {
  name: 'ImgStreamerRequestEntry',
  fields: [
    { no: 1, name: 'filename', kind: 'string', rule: 'required' },
  ],
};

export interface ImgStreamerReplyEntry {
  exists: boolean;
}
export const ImgStreamerReplyEntry: MessageType<ImgStreamerReplyEntry> = {
  name: 'ImgStreamerReplyEntry',
  fields: [
    { no: 1, name: 'exists', kind: 'bool', rule: 'required' },
  ],
};

export interface AaPolicy {
  name: string;
  blob: Uint8Array;
}
export const AaPolicy: MessageType<AaPolicy> = {
  name: 'AaPolicy',
  fields: [
    { no: 1, name: 'name', kind: 'string', rule: 'required' },
    { no: 2, name: 'blob', kind: 'bytes', rule: 'required' },
  ],
};

export interface AaNamespace {
  name: string;
  policies: AaPolicy[];
  namespaces: AaNamespace[];
}
export const AaNamespace: MessageType<AaNamespace> = {
  name: 'AaNamespace',
  fields: [
    { no: 1, name: 'name', kind: 'string', rule: 'required' },
    { no: 2, name: 'policies', kind: 'message', rule: 'repeated', of: () => AaPolicy },
    { no: 3, name: 'namespaces', kind: 'message', rule: 'repeated', of: () => AaNamespace },
  ],
};

export interface ApparmorEntry {
  namespaces: AaNamespace[];
}
export const ApparmorEntry: MessageType<ApparmorEntry> = {
  name: 'ApparmorEntry',
  fields: [
    { no: 1, name: 'namespaces', kind: 'message', rule: 'repeated', of: () => AaNamespace },
  ],
};

export interface SeccompFilter {
  filter: Uint8Array;
  prev?: number;
  flags?: number;
}
export const SeccompFilter: MessageType<SeccompFilter> = {
  name: 'SeccompFilter',
  fields: [
    { no: 1, name: 'filter', kind: 'bytes', rule: 'required' },
    { no: 2, name: 'prev', kind: 'uint32', rule: 'optional' },
    { no: 3, name: 'flags', kind: 'uint32', rule: 'optional' },
  ],
};

export interface SeccompEntry {
  seccomp_filters: SeccompFilter[];
}
export const SeccompEntry: MessageType<SeccompEntry> = {
  name: 'SeccompEntry',
  fields: [
    { no: 1, name: 'seccomp_filters', kind: 'message', rule: 'repeated', of: () => SeccompFilter },
  ],
};

export interface CgroupPerms {
  mode: number;
  uid: number;
  gid: number;
}
export const CgroupPerms: MessageType<CgroupPerms> = {
  name: 'CgroupPerms',
  fields: [
    { no: 1, name: 'mode', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'uid', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'gid', kind: 'uint32', rule: 'required' },
  ],
};

export interface CgroupPropEntry {
  name: string;
  value: string;
  perms?: CgroupPerms;
}
export const CgroupPropEntry: MessageType<CgroupPropEntry> = {
  name: 'CgroupPropEntry',
  fields: [
    { no: 1, name: 'name', kind: 'string', rule: 'required' },
    { no: 2, name: 'value', kind: 'string', rule: 'required' },
    { no: 3, name: 'perms', kind: 'message', rule: 'optional', of: () => CgroupPerms },
  ],
};

export interface CgroupDirEntry {
  dir_name: string;
  children: CgroupDirEntry[];
  properties: CgroupPropEntry[];
  dir_perms?: CgroupPerms;
}
export const CgroupDirEntry: MessageType<CgroupDirEntry> = {
  name: 'CgroupDirEntry',
  fields: [
    { no: 1, name: 'dir_name', kind: 'string', rule: 'required' },
    { no: 2, name: 'children', kind: 'message', rule: 'repeated', of: () => CgroupDirEntry },
    { no: 3, name: 'properties', kind: 'message', rule: 'repeated', of: () => CgroupPropEntry },
    { no: 4, name: 'dir_perms', kind: 'message', rule: 'optional', of: () => CgroupPerms },
  ],
};

export interface CgControllerEntry {
  cnames: string[];
  dirs: CgroupDirEntry[];
  is_threaded?: boolean;
}
export const CgControllerEntry: MessageType<CgControllerEntry> = {
  name: 'CgControllerEntry',
  fields: [
    { no: 1, name: 'cnames', kind: 'string', rule: 'repeated' },
    { no: 2, name: 'dirs', kind: 'message', rule: 'repeated', of: () => CgroupDirEntry },
    { no: 3, name: 'is_threaded', kind: 'bool', rule: 'optional' },
  ],
};

export interface CgMemberEntry {
  name: string;
  path: string;
  cgns_prefix?: number;
}
export const CgMemberEntry: MessageType<CgMemberEntry> = {
  name: 'CgMemberEntry',
  fields: [
    { no: 1, name: 'name', kind: 'string', rule: 'required' },
    { no: 2, name: 'path', kind: 'string', rule: 'required' },
    { no: 3, name: 'cgns_prefix', kind: 'uint32', rule: 'optional' },
  ],
};

export interface CgSetEntry {
  id: number;
  ctls: CgMemberEntry[];
}
export const CgSetEntry: MessageType<CgSetEntry> = {
  name: 'CgSetEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'ctls', kind: 'message', rule: 'repeated', of: () => CgMemberEntry },
  ],
};

export interface CgroupEntry {
  sets: CgSetEntry[];
  controllers: CgControllerEntry[];
}
export const CgroupEntry: MessageType<CgroupEntry> = {
  name: 'CgroupEntry',
  fields: [
    { no: 1, name: 'sets', kind: 'message', rule: 'repeated', of: () => CgSetEntry },
    { no: 2, name: 'controllers', kind: 'message', rule: 'repeated', of: () => CgControllerEntry },
  ],
};
