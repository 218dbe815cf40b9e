// Generated from proto/criu/events.proto by scripts/protoc-gen-tables.ts: do not edit.
import type { MessageType } from '../../bytes/proto2-schema.ts';
import { FhEntry, FownEntry } from './handles.ts';

export const MarkType = {
  INODE: 1,
  MOUNT: 2,
} as const;

export interface EventfdFileEntry {
  id: number;
  flags: number;
  fown: FownEntry;
  counter: bigint;
}
export const EventfdFileEntry: MessageType<EventfdFileEntry> = {
  name: 'EventfdFileEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'flags', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
    { no: 4, name: 'counter', kind: 'uint64', rule: 'required' },
  ],
};

export interface EventpollTfdEntry {
  id: number;
  tfd: number;
  events: number;
  data: bigint;
  dev?: number;
  inode?: bigint;
  pos?: bigint;
}
export const EventpollTfdEntry: MessageType<EventpollTfdEntry> = {
  name: 'EventpollTfdEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'tfd', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'events', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'data', kind: 'uint64', rule: 'required' },
    { no: 5, name: 'dev', kind: 'uint32', rule: 'optional' },
    { no: 6, name: 'inode', kind: 'uint64', rule: 'optional' },
    { no: 7, name: 'pos', kind: 'uint64', rule: 'optional' },
  ],
};

export interface EventpollFileEntry {
  id: number;
  flags: number;
  fown: FownEntry;
  tfd: EventpollTfdEntry[];
}
export const EventpollFileEntry: MessageType<EventpollFileEntry> = {
  name: 'EventpollFileEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'flags', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
    { no: 4, name: 'tfd', kind: 'message', rule: 'repeated', of: () => EventpollTfdEntry },
  ],
};

export interface SignalfdEntry {
  id: number;
  flags: number;
  fown: FownEntry;
  sigmask: bigint;
}
export const SignalfdEntry: MessageType<SignalfdEntry> = {
  name: 'SignalfdEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'flags', kind: 'uint32', rule: 'required', hex: true },
    { no: 3, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
    { no: 4, name: 'sigmask', kind: 'uint64', rule: 'required', hex: true },
  ],
};

export interface TimerfdEntry {
  id: number;
  flags: number;
  fown: FownEntry;
  clockid: number;
  ticks: bigint;
  settime_flags: number;
  vsec: bigint;
  vnsec: bigint;
  isec: bigint;
  insec: bigint;
}
export const TimerfdEntry: MessageType<TimerfdEntry> = {
  name: 'TimerfdEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'flags', kind: 'uint32', rule: 'required', hex: true },
    { no: 3, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
    { no: 4, name: 'clockid', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'ticks', kind: 'uint64', rule: 'required' },
    { no: 6, name: 'settime_flags', kind: 'uint32', rule: 'required', hex: true },
    { no: 7, name: 'vsec', kind: 'uint64', rule: 'required' },
    { no: 8, name: 'vnsec', kind: 'uint64', rule: 'required' },
    { no: 9, name: 'isec', kind: 'uint64', rule: 'required' },
    { no: 10, name: 'insec', kind: 'uint64', rule: 'required' },
  ],
};

export interface InotifyWdEntry {
  id: number;
  i_ino: bigint;
  mask: number;
  ignored_mask: number;
  s_dev: number;
  wd: number;
  f_handle: FhEntry;
}
export const InotifyWdEntry: MessageType<InotifyWdEntry> = {
  name: 'InotifyWdEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'i_ino', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'mask', kind: 'uint32', rule: 'required', hex: true },
    { no: 4, name: 'ignored_mask', kind: 'uint32', rule: 'required', hex: true },
    { no: 5, name: 's_dev', kind: 'uint32', rule: 'required', device: true },
    { no: 6, name: 'wd', kind: 'uint32', rule: 'required' },
    { no: 7, name: 'f_handle', kind: 'message', rule: 'required', of: () => FhEntry },
  ],
};

export interface InotifyFileEntry {
  id: number;
  flags: number;
  fown: FownEntry;
  wd: InotifyWdEntry[];
}
export const InotifyFileEntry: MessageType<InotifyFileEntry> = {
  name: 'InotifyFileEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'flags', kind: 'uint32', rule: 'required', hex: true },
    { no: 4, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
    { no: 5, name: 'wd', kind: 'message', rule: 'repeated', of: () => InotifyWdEntry },
  ],
};

export interface FanotifyInodeMarkEntry {
  i_ino: bigint;
  f_handle: FhEntry;
}
export const FanotifyInodeMarkEntry: MessageType<FanotifyInodeMarkEntry> = {
  name: 'FanotifyInodeMarkEntry',
  fields: [
    { no: 1, name: 'i_ino', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'f_handle', kind: 'message', rule: 'required', of: () => FhEntry },
  ],
};

export interface FanotifyMountMarkEntry {
  mnt_id: number;
  path?: string;
}
export const FanotifyMountMarkEntry: MessageType<FanotifyMountMarkEntry> = {
  name: 'FanotifyMountMarkEntry',
  fields: [
    { no: 1, name: 'mnt_id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'path', kind: 'string', rule: 'optional' },
  ],
};

export interface FanotifyMarkEntry {
  id: number;
  type: number;
  mflags: number;
  mask: number;
  ignored_mask: number;
  s_dev: number;
  ie?: FanotifyInodeMarkEntry;
  me?: FanotifyMountMarkEntry;
}
export const FanotifyMarkEntry: MessageType<FanotifyMarkEntry> = {
  name: 'FanotifyMarkEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'type', kind: 'enum', rule: 'required', of: () => MarkType },
    { no: 3, name: 'mflags', kind: 'uint32', rule: 'required', hex: true },
    { no: 4, name: 'mask', kind: 'uint32', rule: 'required', hex: true },
    { no: 5, name: 'ignored_mask', kind: 'uint32', rule: 'required', hex: true },
    { no: 6, name: 's_dev', kind: 'uint32', rule: 'required', device: true },
    { no: 7, name: 'ie', kind: 'message', rule: 'optional', of: () => FanotifyInodeMarkEntry },
    { no: 8, name: 'me', kind: 'message', rule: 'optional', of: () => FanotifyMountMarkEntry },
  ],
};

export interface FanotifyFileEntry {
  id: number;
  flags: number;
  fown: FownEntry;
  faflags: number;
  evflags: number;
  mark: FanotifyMarkEntry[];
}
export const FanotifyFileEntry: MessageType<FanotifyFileEntry> = {
  name: 'FanotifyFileEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'flags', kind: 'uint32', rule: 'required', hex: true },
    { no: 3, name: 'fown', kind: 'message', rule: 'required', of: () => FownEntry },
    { no: 4, name: 'faflags', kind: 'uint32', rule: 'required', hex: true },
    { no: 5, name: 'evflags', kind: 'uint32', rule: 'required', hex: true },
    { no: 6, name: 'mark', kind: 'message', rule: 'repeated', of: () => FanotifyMarkEntry },
  ],
};
