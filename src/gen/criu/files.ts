// Generated from proto/criu/files.proto by scripts/protoc-gen-tables.ts: do not edit.
import type { MessageType } from '../../bytes/proto2-schema.ts';
import { EventfdFileEntry, EventpollFileEntry, FanotifyFileEntry, InotifyFileEntry, SignalfdEntry, TimerfdEntry } from './events.ts';
import { FownEntry } from './handles.ts';
import { TunfileEntry } from './namespaces.ts';
import { InetSkEntry, NetlinkSkEntry, PacketSockEntry, UnixSkEntry } from './sockets.ts';
import { Timeval } from './task.ts';

export const FdTypes = {
  UND: 0,
  REG: 1,
  PIPE: 2,
  FIFO: 3,
  INETSK: 4,
  UNIXSK: 5,
  EVENTFD: 6,
  EVENTPOLL: 7,
  INOTIFY: 8,
  SIGNALFD: 9,
  PACKETSK: 10,
  TTY: 11,
  FANOTIFY: 12,
  NETLINKSK: 13,
  NS: 14,
  TUNF: 15,
  EXT: 16,
  TIMERFD: 17,
  MEMFD: 18,
  BPFMAP: 19,
  PIDFD: 20,
  CTL_TTY: 65534,
  AUTOFS_PIPE: 65535,
} as const;

export const RemapType = {
  LINKED: 0,
  GHOST: 1,
  PROCFS: 2,
} as const;

export const TtyType = {
  UNKNOWN: 0,
  PTY: 1,
  CONSOLE: 2,
  VT: 3,
  CTTY: 4,
  EXT_TTY: 5,
  SERIAL: 6,
} as const;

export interface FdinfoEntry {
  id: number;
  flags: number;
  type: number;
  fd: number;
  xattr_security_selinux?: string;
}
export const FdinfoEntry: MessageType<FdinfoEntry> = {
  name: 'FdinfoEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'flags', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'type', kind: 'enum', rule: 'required', of: () => FdTypes },
    { no: 4, name: 'fd', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'xattr_security_selinux', kind: 'string', rule: 'optional' },
  ],
};

export interface FileEntry {
  type: number;
  id: number;
  reg?: RegFileEntry;
  isk?: InetSkEntry;
  nsf?: NsFileEntry;
  psk?: PacketSockEntry;
  nlsk?: NetlinkSkEntry;
  efd?: EventfdFileEntry;
  epfd?: EventpollFileEntry;
  sgfd?: SignalfdEntry;
  tunf?: TunfileEntry;
  tfd?: TimerfdEntry;
  ify?: InotifyFileEntry;
  ffy?: FanotifyFileEntry;
  ext?: ExtFileEntry;
  usk?: UnixSkEntry;
  fifo?: FifoEntry;
  pipe?: PipeEntry;
  tty?: TtyFileEntry;
  memfd?: MemfdFileEntry;
  bpf?: BpfmapFileEntry;
  pidfd?: PidfdEntry;
}
export const FileEntry: MessageType<FileEntry> = {
  name: 'FileEntry',
  fields: [
    { no: 1, name: 'type', kind: 'enum', rule: 'required', of: () => FdTypes },
    { no: 2, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'reg', kind: 'message', rule: 'optional', of: () => RegFileEntry },
    { no: 4, name: 'isk', kind: 'message', rule: 'optional', of: () => InetSkEntry },
    { no: 5, name: 'nsf', kind: 'message', rule: 'optional', of: () => NsFileEntry },
    { no: 6, name: 'psk', kind: 'message', rule: 'optional', of: () => PacketSockEntry },
    { no: 7, name: 'nlsk', kind: 'message', rule: 'optional', of: () => NetlinkSkEntry },
    { no: 8, name: 'efd', kind: 'message', rule: 'optional', of: () => EventfdFileEntry },
    { no: 9, name: 'epfd', kind: 'message', rule: 'optional', of: () => EventpollFileEntry },
    { no: 10, name: 'sgfd', kind: 'message', rule: 'optional', of: () => SignalfdEntry },
    { no: 11, name: 'tunf', kind: 'message', rule: 'optional', of: () => TunfileEntry },
    { no: 12, name: 'tfd', kind: 'message', rule: 'optional', of: () => TimerfdEntry },
    { no: 13, name: 'ify', kind: 'message', rule: 'optional', of: () => InotifyFileEntry },
    { no: 14, name: 'ffy', kind: 'message', rule: 'optional', of: () => FanotifyFileEntry },
    { no: 15, name: 'ext', kind: 'message', rule: 'optional', of: () => ExtFileEntry },
    { no: 16, name: 'usk', kind: 'message', rule: 'optional', of: () => UnixSkEntry },
    { no: 17, name: 'fifo', kind: 'message', rule: 'optional', of: () => FifoEntry },
    { no: 18, name: 'pipe', kind: 'message', rule: 'optional', of: () => PipeEntry },
    { no: 19, name: 'tty', kind: 'message', rule: 'optional', of: () => TtyFileEntry },
    { no: 20, name: 'memfd', kind: 'message', rule: 'optional', of: () => MemfdFileEntry },
    { no: 21, name: 'bpf', kind: 'message', rule: 'optional', of: () => BpfmapFileEntry },
    { no: 22, name: 'pidfd', kind: 'message', rule: 'optional', of: () => PidfdEntry },
  ],
};

export interface RegFileEntry {
  id: number;
  flags: number;
  pos: bigint;
  fown: FownEntry;
  name: string;
  mnt_id?: number;
  size?: bigint;
  ext?: boolean;
  mode?: number;
  build_id: number[];
  checksum?: number;
  checksum_config?: number;
  checksum_parameter?: number;
}
export const RegFileEntry: MessageType<RegFileEntry> = {
  name: 'RegFileEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'flags', kind: 'uint32', rule: 'required', flags: "rfile.flags" },
    { no: 3, name: 'pos', kind: 'uint64', rule: 'required' },
    { no: 5, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
    { no: 6, name: 'name', kind: 'string', rule: 'required' },
    { no: 7, name: 'mnt_id', kind: 'sint32', rule: 'optional' },
    { no: 8, name: 'size', kind: 'uint64', rule: 'optional' },
    { no: 9, name: 'ext', kind: 'bool', rule: 'optional' },
    { no: 10, name: 'mode', kind: 'uint32', rule: 'optional' },
    { no: 11, name: 'build_id', kind: 'uint32', rule: 'repeated' },
    { no: 12, name: 'checksum', kind: 'uint32', rule: 'optional' },
    { no: 13, name: 'checksum_config', kind: 'uint32', rule: 'optional' },
    { no: 14, name: 'checksum_parameter', kind: 'uint32', rule: 'optional' },
  ],
};

export interface ExtFileEntry {
  id: number;
  fown: FownEntry;
}
export const ExtFileEntry: MessageType<ExtFileEntry> = {
  name: 'ExtFileEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
  ],
};

export interface NsFileEntry {
  id: number;
  ns_id: number;
  ns_cflag: number;
  flags: number;
}
export const NsFileEntry: MessageType<NsFileEntry> = {
  name: 'NsFileEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'ns_id', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'ns_cflag', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'flags', kind: 'uint32', rule: 'required' },
  ],
};

export interface MemfdFileEntry {
  id: number;
  flags: number;
  pos: bigint;
  fown: FownEntry;
  inode_id: number;
}
export const MemfdFileEntry: MessageType<MemfdFileEntry> = {
  name: 'MemfdFileEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'flags', kind: 'uint32', rule: 'required', flags: "rfile.flags" },
    { no: 3, name: 'pos', kind: 'uint64', rule: 'required' },
    { no: 4, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
    { no: 5, name: 'inode_id', kind: 'uint32', rule: 'required' },
  ],
};

export interface MemfdInodeEntry {
  name: string;
  uid: number;
  gid: number;
  size: bigint;
  shmid: number;
  seals: number;
  inode_id: bigint;
  hugetlb_flag?: number;
  mode?: number;
}
export const MemfdInodeEntry: MessageType<MemfdInodeEntry> = {
  name: 'MemfdInodeEntry',
  fields: [
    { no: 1, name: 'name', kind: 'string', rule: 'required' },
    { no: 2, name: 'uid', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'gid', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'size', kind: 'uint64', rule: 'required' },
    { no: 5, name: 'shmid', kind: 'uint32', rule: 'required' },
    { no: 6, name: 'seals', kind: 'uint32', rule: 'required', flags: "seals.flags" },
    { no: 7, name: 'inode_id', kind: 'uint64', rule: 'required' },
    { no: 8, name: 'hugetlb_flag', kind: 'uint32', rule: 'optional' },
    { no: 9, name: 'mode', kind: 'uint32', rule: 'optional' },
  ],
};

export interface PipeEntry {
  id: number;
  pipe_id: number;
  flags: number;
  fown: FownEntry;
}
export const PipeEntry: MessageType<PipeEntry> = {
  name: 'PipeEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'pipe_id', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'flags', kind: 'uint32', rule: 'required', hex: true },
    { no: 4, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
  ],
};

export interface PipeDataEntry {
  pipe_id: number;
  bytes: number;
  size?: number;
}
export const PipeDataEntry: MessageType<PipeDataEntry> = {
  name: 'PipeDataEntry',
  fields: [
    { no: 1, name: 'pipe_id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'bytes', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'size', kind: 'uint32', rule: 'optional' },
  ],
};

export interface FifoEntry {
  id: number;
  pipe_id: number;
  regf_id?: number;
}
export const FifoEntry: MessageType<FifoEntry> = {
  name: 'FifoEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'pipe_id', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'regf_id', kind: 'uint32', rule: 'optional' },
  ],
};

export interface RemapFilePathEntry {
  orig_id: number;
  remap_id: number;
  remap_type?: number;
}
export const RemapFilePathEntry: MessageType<RemapFilePathEntry> = {
  name: 'RemapFilePathEntry',
  fields: [
    { no: 1, name: 'orig_id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'remap_id', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'remap_type', kind: 'enum', rule: 'optional', of: () => RemapType },
  ],
};

export interface GhostFileEntry {
  uid: number;
  gid: number;
  mode: number;
  dev?: number;
  ino?: bigint;
  rdev?: number;
  atim?: Timeval;
  mtim?: Timeval;
  chunks?: boolean;
  size?: bigint;
  symlnk_target?: string;
}
export const GhostFileEntry: MessageType<GhostFileEntry> = {
  name: 'GhostFileEntry',
  fields: [
    { no: 1, name: 'uid', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'gid', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'mode', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'dev', kind: 'uint32', rule: 'optional', device: true },
    { no: 5, name: 'ino', kind: 'uint64', rule: 'optional' },
    { no: 6, name: 'rdev', kind: 'uint32', rule: 'optional', device: true, oldDevice: true },
    { no: 7, name: 'atim', kind: 'message', rule: 'optional', of: () => Timeval },
    { no: 8, name: 'mtim', kind: 'message', rule: 'optional', of: () => Timeval },
    { no: 9, name: 'chunks', kind: 'bool', rule: 'optional' },
    { no: 10, name: 'size', kind: 'uint64', rule: 'optional' },
    { no: 11, name: 'symlnk_target', kind: 'string', rule: 'optional' },
  ],
};

export interface GhostChunkEntry {
  len: bigint;
  off: bigint;
}
export const GhostChunkEntry: MessageType<GhostChunkEntry> = {
  name: 'GhostChunkEntry',
  fields: [
    { no: 1, name: 'len', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'off', kind: 'uint64', rule: 'required' },
  ],
};

export interface WinsizeEntry {
  ws_row: number;
  ws_col: number;
  ws_xpixel: number;
  ws_ypixel: number;
}
export const WinsizeEntry: MessageType<WinsizeEntry> = {
  name: 'WinsizeEntry',
  fields: [
    { no: 1, name: 'ws_row', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'ws_col', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'ws_xpixel', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'ws_ypixel', kind: 'uint32', rule: 'required' },
  ],
};

export interface TermiosEntry {
  c_iflag: number;
  c_oflag: number;
  c_cflag: number;
  c_lflag: number;
  c_line: number;
  c_ispeed: number;
  c_ospeed: number;
  c_cc: number[];
}
export const TermiosEntry: MessageType<TermiosEntry> = {
  name: 'TermiosEntry',
  fields: [
    { no: 1, name: 'c_iflag', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'c_oflag', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'c_cflag', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'c_lflag', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'c_line', kind: 'uint32', rule: 'required' },
    { no: 6, name: 'c_ispeed', kind: 'uint32', rule: 'required' },
    { no: 7, name: 'c_ospeed', kind: 'uint32', rule: 'required' },
    { no: 8, name: 'c_cc', kind: 'uint32', rule: 'repeated' },
  ],
};

export interface TtyPtyEntry {
  index: number;
}
export const TtyPtyEntry: MessageType<TtyPtyEntry> = {
  name: 'TtyPtyEntry',
  fields: [
    { no: 1, name: 'index', kind: 'uint32', rule: 'required' },
  ],
};

export interface TtyDataEntry {
  tty_id: number;
  data: Uint8Array;
}
export const TtyDataEntry: MessageType<TtyDataEntry> = {
  name: 'TtyDataEntry',
  fields: [
    { no: 1, name: 'tty_id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'data', kind: 'bytes', rule: 'required' },
  ],
};

export interface TtyInfoEntry {
  id: number;
  type: number;
  locked: boolean;
  exclusive: boolean;
  packet_mode: boolean;
  sid: number;
  pgrp: number;
  rdev: number;
  termios?: TermiosEntry;
  termios_locked?: TermiosEntry;
  winsize?: WinsizeEntry;
  pty?: TtyPtyEntry;
  dev?: number;
  uid?: number;
  gid?: number;
}
export const TtyInfoEntry: MessageType<TtyInfoEntry> = {
  name: 'TtyInfoEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'type', kind: 'enum', rule: 'required', of: () => TtyType },
    { no: 3, name: 'locked', kind: 'bool', rule: 'required' },
    { no: 4, name: 'exclusive', kind: 'bool', rule: 'required' },
    { no: 5, name: 'packet_mode', kind: 'bool', rule: 'required' },
    { no: 6, name: 'sid', kind: 'uint32', rule: 'required' },
    { no: 7, name: 'pgrp', kind: 'uint32', rule: 'required' },
    { no: 8, name: 'rdev', kind: 'uint32', rule: 'required' },
    { no: 9, name: 'termios', kind: 'message', rule: 'optional', of: () => TermiosEntry },
    { no: 10, name: 'termios_locked', kind: 'message', rule: 'optional', of: () => TermiosEntry },
    { no: 11, name: 'winsize', kind: 'message', rule: 'optional', of: () => WinsizeEntry },
    { no: 12, name: 'pty', kind: 'message', rule: 'optional', of: () => TtyPtyEntry },
    { no: 13, name: 'dev', kind: 'uint32', rule: 'optional' },
    { no: 14, name: 'uid', kind: 'uint32', rule: 'optional' },
    { no: 15, name: 'gid', kind: 'uint32', rule: 'optional' },
  ],
};

export interface TtyFileEntry {
  id: number;
  tty_info_id: number;
  flags: number;
  fown: FownEntry;
  regf_id?: number;
}
export const TtyFileEntry: MessageType<TtyFileEntry> = {
  name: 'TtyFileEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'tty_info_id', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'flags', kind: 'uint32', rule: 'required', hex: true },
    { no: 4, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
    { no: 6, name: 'regf_id', kind: 'uint32', rule: 'optional' },
  ],
};

export interface PidfdEntry {
  id: number;
  ino: number;
  flags: number;
  nspid: number;
  fown: FownEntry;
}
export const PidfdEntry: MessageType<PidfdEntry> = {
  name: 'PidfdEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'ino', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'flags', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'nspid', kind: 'int32', rule: 'required' },
    { no: 5, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
  ],
};

export interface BpfmapFileEntry {
  id: number;
  flags: number;
  pos: bigint;
  fown: FownEntry;
  map_type: number;
  key_size: number;
  value_size: number;
  map_id: number;
  max_entries: number;
  map_flags: number;
  memlock: bigint;
  frozen: boolean;
  map_name: string;
  ifindex: number;
  mnt_id?: number;
  map_extra?: bigint;
}
export const BpfmapFileEntry: MessageType<BpfmapFileEntry> = {
  name: 'BpfmapFileEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'flags', kind: 'uint32', rule: 'required', flags: "rfile.flags" },
    { no: 3, name: 'pos', kind: 'uint64', rule: 'required' },
    { no: 4, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
    { no: 5, name: 'map_type', kind: 'uint32', rule: 'required' },
    { no: 6, name: 'key_size', kind: 'uint32', rule: 'required' },
    { no: 7, name: 'value_size', kind: 'uint32', rule: 'required' },
    { no: 8, name: 'map_id', kind: 'uint32', rule: 'required' },
    { no: 9, name: 'max_entries', kind: 'uint32', rule: 'required' },
    { no: 10, name: 'map_flags', kind: 'uint32', rule: 'required' },
    { no: 11, name: 'memlock', kind: 'uint64', rule: 'required' },
    { no: 12, name: 'frozen', kind: 'bool', rule: 'required' },
    { no: 13, name: 'map_name', kind: 'string', rule: 'required' },
    { no: 14, name: 'ifindex', kind: 'uint32', rule: 'required' },
    { no: 15, name: 'mnt_id', kind: 'sint32', rule: 'optional' },
    { no: 16, name: 'map_extra', kind: 'uint64', rule: 'optional' },
  ],
};

export interface BpfmapDataEntry {
  map_id: number;
  keys_bytes: number;
  values_bytes: number;
  count: number;
}
export const BpfmapDataEntry: MessageType<BpfmapDataEntry> = {
  name: 'BpfmapDataEntry',
  fields: [
    { no: 1, name: 'map_id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'keys_bytes', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'values_bytes', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'count', kind: 'uint32', rule: 'required' },
  ],
};

export interface FileLockEntry {
  flag: number;
  type: number;
  pid: number;
  fd: number;
  start: bigint;
  len: bigint;
}
export const FileLockEntry: MessageType<FileLockEntry> = {
  name: 'FileLockEntry',
  fields: [
    { no: 1, name: 'flag', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'type', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'pid', kind: 'int32', rule: 'required' },
    { no: 4, name: 'fd', kind: 'int32', rule: 'required' },
    { no: 5, name: 'start', kind: 'int64', rule: 'required' },
    { no: 6, name: 'len', kind: 'int64', rule: 'required' },
  ],
};

export interface AutofsEntry {
  fd: number;
  pgrp: number;
  timeout: number;
  minproto: number;
  maxproto: number;
  mode: number;
  uid?: number;
  gid?: number;
  read_fd?: number;
}
export const AutofsEntry: MessageType<AutofsEntry> = {
  name: 'AutofsEntry',
  fields: [
    { no: 1, name: 'fd', kind: 'int32', rule: 'required' },
    { no: 2, name: 'pgrp', kind: 'int32', rule: 'required' },
    { no: 3, name: 'timeout', kind: 'int32', rule: 'required' },
    { no: 4, name: 'minproto', kind: 'int32', rule: 'required' },
    { no: 5, name: 'maxproto', kind: 'int32', rule: 'required' },
    { no: 6, name: 'mode', kind: 'int32', rule: 'required' },
    { no: 7, name: 'uid', kind: 'int32', rule: 'optional' },
    { no: 8, name: 'gid', kind: 'int32', rule: 'optional' },
    { no: 9, name: 'read_fd', kind: 'int32', rule: 'optional' },
  ],
};

export interface BinfmtMiscEntry {
  name: string;
  enabled: boolean;
  interpreter: string;
  flags?: string;
  extension?: string;
  magic?: string;
  mask?: string;
  offset?: number;
}
export const BinfmtMiscEntry: MessageType<BinfmtMiscEntry> = {
  name: 'BinfmtMiscEntry',
  fields: [
    { no: 1, name: 'name', kind: 'string', rule: 'required' },
    { no: 2, name: 'enabled', kind: 'bool', rule: 'required' },
    { no: 3, name: 'interpreter', kind: 'string', rule: 'required' },
    { no: 4, name: 'flags', kind: 'string', rule: 'optional' },
    { no: 5, name: 'extension', kind: 'string', rule: 'optional' },
    { no: 6, name: 'magic', kind: 'string', rule: 'optional' },
    { no: 7, name: 'mask', kind: 'string', rule: 'optional' },
    { no: 8, name: 'offset', kind: 'int32', rule: 'optional' },
  ],
};
