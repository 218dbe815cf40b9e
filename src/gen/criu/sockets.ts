// Generated from proto/criu/sockets.proto by scripts/protoc-gen-tables.ts: do not edit.
import type { MessageType } from '../../bytes/proto2-schema.ts';
import { FownEntry } from './handles.ts';

export const SkShutdown = {
  NONE: 0,
  READ: 1,
  WRITE: 2,
  BOTH: 3,
} as const;

export interface SkOptsEntry {
  so_sndbuf: number;
  so_rcvbuf: number;
  so_snd_tmo_sec: bigint;
  so_snd_tmo_usec: bigint;
  so_rcv_tmo_sec: bigint;
  so_rcv_tmo_usec: bigint;
  reuseaddr?: boolean;
  so_priority?: number;
  so_rcvlowat?: number;
  so_mark?: number;
  so_passcred?: boolean;
  so_passsec?: boolean;
  so_dontroute?: boolean;
  so_no_check?: boolean;
  so_bound_dev?: string;
  so_filter: bigint[];
  so_reuseport?: boolean;
  so_broadcast?: boolean;
  so_keepalive?: boolean;
  tcp_keepcnt?: number;
  tcp_keepidle?: number;
  tcp_keepintvl?: number;
  so_oobinline?: number;
  so_linger?: number;
  so_buf_lock?: number;
}
export const SkOptsEntry: MessageType<SkOptsEntry> = {
  name: 'SkOptsEntry',
  fields: [
    { no: 1, name: 'so_sndbuf', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'so_rcvbuf', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'so_snd_tmo_sec', kind: 'uint64', rule: 'required' },
    { no: 4, name: 'so_snd_tmo_usec', kind: 'uint64', rule: 'required' },
    { no: 5, name: 'so_rcv_tmo_sec', kind: 'uint64', rule: 'required' },
    { no: 6, name: 'so_rcv_tmo_usec', kind: 'uint64', rule: 'required' },
    { no: 7, name: 'reuseaddr', kind: 'bool', rule: 'optional' },
    { no: 8, name: 'so_priority', kind: 'uint32', rule: 'optional' },
    { no: 9, name: 'so_rcvlowat', kind: 'uint32', rule: 'optional' },
    { no: 10, name: 'so_mark', kind: 'uint32', rule: 'optional' },
    { no: 11, name: 'so_passcred', kind: 'bool', rule: 'optional' },
    { no: 12, name: 'so_passsec', kind: 'bool', rule: 'optional' },
    { no: 13, name: 'so_dontroute', kind: 'bool', rule: 'optional' },
    { no: 14, name: 'so_no_check', kind: 'bool', rule: 'optional' },
    { no: 15, name: 'so_bound_dev', kind: 'string', rule: 'optional' },
    { no: 16, name: 'so_filter', kind: 'fixed64', rule: 'repeated' },
    { no: 17, name: 'so_reuseport', kind: 'bool', rule: 'optional' },
    { no: 18, name: 'so_broadcast', kind: 'bool', rule: 'optional' },
    { no: 19, name: 'so_keepalive', kind: 'bool', rule: 'optional' },
    { no: 20, name: 'tcp_keepcnt', kind: 'uint32', rule: 'optional' },
    { no: 21, name: 'tcp_keepidle', kind: 'uint32', rule: 'optional' },
    { no: 22, name: 'tcp_keepintvl', kind: 'uint32', rule: 'optional' },
    { no: 23, name: 'so_oobinline', kind: 'uint32', rule: 'optional' },
    { no: 24, name: 'so_linger', kind: 'uint32', rule: 'optional' },
    { no: 25, name: 'so_buf_lock', kind: 'uint32', rule: 'optional' },
  ],
};

export interface IpOptsRawEntry {
  hdrincl?: boolean;
  nodefrag?: boolean;
  checksum?: boolean;
  icmpv_filter: number[];
}
export const IpOptsRawEntry: MessageType<IpOptsRawEntry> = {
  name: 'IpOptsRawEntry',
  fields: [
    { no: 1, name: 'hdrincl', kind: 'bool', rule: 'optional' },
    { no: 2, name: 'nodefrag', kind: 'bool', rule: 'optional' },
    { no: 3, name: 'checksum', kind: 'bool', rule: 'optional' },
    { no: 4, name: 'icmpv_filter', kind: 'uint32', rule: 'repeated' },
  ],
};

export interface IpOptsEntry {
  freebind?: boolean;
  raw?: IpOptsRawEntry;
  pktinfo?: boolean;
  tos?: number;
  ttl?: number;
}
export const IpOptsEntry: MessageType<IpOptsEntry> = {
  name: 'IpOptsEntry',
  fields: [
    { no: 1, name: 'freebind', kind: 'bool', rule: 'optional' },
    { no: 4, name: 'raw', kind: 'message', rule: 'optional', of: () => IpOptsRawEntry },
    { no: 5, name: 'pktinfo', kind: 'bool', rule: 'optional' },
    { no: 6, name: 'tos', kind: 'uint32', rule: 'optional' },
    { no: 7, name: 'ttl', kind: 'uint32', rule: 'optional' },
  ],
};

export interface InetSkEntry {
  id: number;
  ino: number;
  family: number;
  type: number;
  proto: number;
  state: number;
  src_port: number;
  dst_port: number;
  flags: number;
  backlog: number;
  src_addr: number[];
  dst_addr: number[];
  fown: FownEntry;
  opts: SkOptsEntry;
  v6only?: boolean;
  ip_opts?: IpOptsEntry;
  ifname?: string;
  ns_id?: number;
  shutdown?: number;
  tcp_opts?: TcpOptsEntry;
}
export const InetSkEntry: MessageType<InetSkEntry> = {
  name: 'InetSkEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'ino', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'family', kind: 'uint32', rule: 'required', words: "sk" },
    { no: 4, name: 'type', kind: 'uint32', rule: 'required', words: "sk" },
    { no: 5, name: 'proto', kind: 'uint32', rule: 'required', words: "sk" },
    { no: 6, name: 'state', kind: 'uint32', rule: 'required', words: "sk" },
    { no: 7, name: 'src_port', kind: 'uint32', rule: 'required' },
    { no: 8, name: 'dst_port', kind: 'uint32', rule: 'required' },
    { no: 9, name: 'flags', kind: 'uint32', rule: 'required', hex: true },
    { no: 10, name: 'backlog', kind: 'uint32', rule: 'required' },
    { no: 11, name: 'src_addr', kind: 'uint32', rule: 'repeated', ipAddress: true },
    { no: 12, name: 'dst_addr', kind: 'uint32', rule: 'repeated', ipAddress: true },
    { no: 13, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
    { no: 14, name: 'opts', kind: 'message', rule: 'required', of: () => SkOptsEntry },
    { no: 15, name: 'v6only', kind: 'bool', rule: 'optional' },
    { no: 16, name: 'ip_opts', kind: 'message', rule: 'optional', of: () => IpOptsEntry },
    { no: 17, name: 'ifname', kind: 'string', rule: 'optional' },
    { no: 18, name: 'ns_id', kind: 'uint32', rule: 'optional' },
    { no: 19, name: 'shutdown', kind: 'enum', rule: 'optional', of: () => SkShutdown },
    { no: 20, name: 'tcp_opts', kind: 'message', rule: 'optional', of: () => TcpOptsEntry },
  ],
};

export interface FilePermsEntry {
  mode: number;
  uid: number;
  gid: number;
}
export const FilePermsEntry: MessageType<FilePermsEntry> = {
  name: 'FilePermsEntry',
  fields: [
    { no: 1, name: 'mode', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'uid', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'gid', kind: 'uint32', rule: 'required' },
  ],
};

export interface UnixSkEntry {
  id: number;
  ino: number;
  type: number;
  state: number;
  flags: number;
  uflags: number;
  backlog: number;
  peer: number;
  fown: FownEntry;
  opts: SkOptsEntry;
  name: Uint8Array;
  shutdown?: number;
  file_perms?: FilePermsEntry;
  name_dir?: string;
  deleted?: boolean;
  ns_id?: number;
  mnt_id?: number;
}
export const UnixSkEntry: MessageType<UnixSkEntry> = {
  name: 'UnixSkEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'ino', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'type', kind: 'uint32', rule: 'required', words: "sk" },
    { no: 4, name: 'state', kind: 'uint32', rule: 'required', words: "sk" },
    { no: 5, name: 'flags', kind: 'uint32', rule: 'required', hex: true },
    { no: 6, name: 'uflags', kind: 'uint32', rule: 'required', hex: true },
    { no: 7, name: 'backlog', kind: 'uint32', rule: 'required' },
    { no: 8, name: 'peer', kind: 'uint32', rule: 'required' },
    { no: 9, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
    { no: 10, name: 'opts', kind: 'message', rule: 'required', of: () => SkOptsEntry },
    { no: 11, name: 'name', kind: 'bytes', rule: 'required', conversion: "unix_name" },
    { no: 12, name: 'shutdown', kind: 'enum', rule: 'optional', of: () => SkShutdown },
    { no: 13, name: 'file_perms', kind: 'message', rule: 'optional', of: () => FilePermsEntry },
    { no: 14, name: 'name_dir', kind: 'string', rule: 'optional' },
    { no: 15, name: 'deleted', kind: 'bool', rule: 'optional' },
    { no: 16, name: 'ns_id', kind: 'uint32', rule: 'optional' },
    { no: 17, name: 'mnt_id', kind: 'sint32', rule: 'optional' },
  ],
};

export interface NetlinkSkEntry {
  id: number;
  ino: number;
  protocol: number;
  state: number;
  flags: number;
  portid: number;
  groups: number[];
  dst_portid: number;
  dst_group: number;
  fown: FownEntry;
  opts: SkOptsEntry;
  ns_id?: number;
}
export const NetlinkSkEntry: MessageType<NetlinkSkEntry> = {
  name: 'NetlinkSkEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'ino', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'protocol', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'state', kind: 'uint32', rule: 'required' },
    { no: 6, name: 'flags', kind: 'uint32', rule: 'required', hex: true },
    { no: 7, name: 'portid', kind: 'uint32', rule: 'required' },
    { no: 8, name: 'groups', kind: 'uint32', rule: 'repeated' },
    { no: 9, name: 'dst_portid', kind: 'uint32', rule: 'required' },
    { no: 10, name: 'dst_group', kind: 'uint32', rule: 'required' },
    { no: 11, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
    { no: 12, name: 'opts', kind: 'message', rule: 'required', of: () => SkOptsEntry },
    { no: 13, name: 'ns_id', kind: 'uint32', rule: 'optional' },
  ],
};

export interface ScmEntry {
  type: number;
  rights: number[];
}
export const ScmEntry: MessageType<ScmEntry> = {
  name: 'ScmEntry',
  fields: [
    { no: 1, name: 'type', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'rights', kind: 'uint32', rule: 'repeated' },
  ],
};

export interface SkPacketEntry {
  id_for: number;
  length: number;
  scm: ScmEntry[];
}
export const SkPacketEntry: MessageType<SkPacketEntry> = {
  name: 'SkPacketEntry',
  fields: [
    { no: 1, name: 'id_for', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'length', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'scm', kind: 'message', rule: 'repeated', of: () => ScmEntry },
  ],
};

export interface PacketMclist {
  index: number;
  type: number;
  addr: Uint8Array;
}
export const PacketMclist: MessageType<PacketMclist> = {
  name: 'PacketMclist',
  fields: [
    { no: 1, name: 'index', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'type', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'addr', kind: 'bytes', rule: 'required' },
  ],
};

export interface PacketRing {
  block_size: number;
  block_nr: number;
  frame_size: number;
  frame_nr: number;
  retire_tmo: number;
  sizeof_priv: number;
  features: number;
}
export const PacketRing: MessageType<PacketRing> = {
  name: 'PacketRing',
  fields: [
    { no: 1, name: 'block_size', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'block_nr', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'frame_size', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'frame_nr', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'retire_tmo', kind: 'uint32', rule: 'required' },
    { no: 6, name: 'sizeof_priv', kind: 'uint32', rule: 'required' },
    { no: 7, name: 'features', kind: 'uint32', rule: 'required' },
  ],
};

export interface PacketSockEntry {
  id: number;
  type: number;
  protocol: number;
  flags: number;
  ifindex: number;
  fown: FownEntry;
  opts: SkOptsEntry;
  version: number;
  reserve: number;
  aux_data: boolean;
  orig_dev: boolean;
  vnet_hdr: boolean;
  loss: boolean;
  timestamp: number;
  copy_thresh: number;
  mclist: PacketMclist[];
  fanout?: number;
  rx_ring?: PacketRing;
  tx_ring?: PacketRing;
  ns_id?: number;
}
export const PacketSockEntry: MessageType<PacketSockEntry> = {
  name: 'PacketSockEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'type', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'protocol', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'flags', kind: 'uint32', rule: 'required', hex: true },
    { no: 5, name: 'ifindex', kind: 'uint32', rule: 'required' },
    { no: 6, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
    { no: 7, name: 'opts', kind: 'message', rule: 'required', of: () => SkOptsEntry },
    { no: 8, name: 'version', kind: 'uint32', rule: 'required' },
    { no: 9, name: 'reserve', kind: 'uint32', rule: 'required' },
    { no: 10, name: 'aux_data', kind: 'bool', rule: 'required' },
    { no: 11, name: 'orig_dev', kind: 'bool', rule: 'required' },
    { no: 12, name: 'vnet_hdr', kind: 'bool', rule: 'required' },
    { no: 13, name: 'loss', kind: 'bool', rule: 'required' },
    { no: 14, name: 'timestamp', kind: 'uint32', rule: 'required' },
    { no: 15, name: 'copy_thresh', kind: 'uint32', rule: 'required' },
    { no: 16, name: 'mclist', kind: 'message', rule: 'repeated', of: () => PacketMclist },
    { no: 17, name: 'fanout', kind: 'uint32', rule: 'optional' },
    { no: 18, name: 'rx_ring', kind: 'message', rule: 'optional', of: () => PacketRing },
    { no: 19, name: 'tx_ring', kind: 'message', rule: 'optional', of: () => PacketRing },
    { no: 20, name: 'ns_id', kind: 'uint32', rule: 'optional' },
  ],
};

export interface TcpOptsEntry {
  cork?: boolean;
  nodelay?: boolean;
  keepcnt?: number;
  keepidle?: number;
  keepintvl?: number;
}
export const TcpOptsEntry: MessageType<TcpOptsEntry> = {
  name: 'TcpOptsEntry',
  fields: [
    { no: 1, name: 'cork', kind: 'bool', rule: 'optional' },
    { no: 2, name: 'nodelay', kind: 'bool', rule: 'optional' },
    { no: 3, name: 'keepcnt', kind: 'uint32', rule: 'optional' },
    { no: 4, name: 'keepidle', kind: 'uint32', rule: 'optional' },
    { no: 5, name: 'keepintvl', kind: 'uint32', rule: 'optional' },
  ],
};

export interface TcpStreamEntry {
  inq_len: number;
  inq_seq: number;
  outq_len: number;
  outq_seq: number;
  opt_mask: number;
  snd_wscale: number;
  mss_clamp: number;
  rcv_wscale?: number;
  timestamp?: number;
  cork?: boolean;
  nodelay?: boolean;
  unsq_len?: number;
  snd_wl1?: number;
  snd_wnd?: number;
  max_window?: number;
  rcv_wnd?: number;
  rcv_wup?: number;
}
export const TcpStreamEntry: MessageType<TcpStreamEntry> = {
  name: 'TcpStreamEntry',
  fields: [
    { no: 1, name: 'inq_len', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'inq_seq', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'outq_len', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'outq_seq', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'opt_mask', kind: 'uint32', rule: 'required', hex: true },
    { no: 6, name: 'snd_wscale', kind: 'uint32', rule: 'required' },
    { no: 7, name: 'mss_clamp', kind: 'uint32', rule: 'required' },
    { no: 8, name: 'rcv_wscale', kind: 'uint32', rule: 'optional' },
    { no: 9, name: 'timestamp', kind: 'uint32', rule: 'optional' },
    { no: 10, name: 'cork', kind: 'bool', rule: 'optional' },
    { no: 11, name: 'nodelay', kind: 'bool', rule: 'optional' },
    { no: 12, name: 'unsq_len', kind: 'uint32', rule: 'optional' },
    { no: 13, name: 'snd_wl1', kind: 'uint32', rule: 'optional' },
    { no: 14, name: 'snd_wnd', kind: 'uint32', rule: 'optional' },
    { no: 15, name: 'max_window', kind: 'uint32', rule: 'optional' },
    { no: 16, name: 'rcv_wnd', kind: 'uint32', rule: 'optional' },
    { no: 17, name: 'rcv_wup', kind: 'uint32', rule: 'optional' },
  ],
};
