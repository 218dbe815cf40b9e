// Generated from proto/criu/handles.proto by scripts/protoc-gen-tables.ts: do not edit.
import type { MessageType } from '../../bytes/proto2-schema.ts';

export const FhEntrySizes = {
  min_entries: 16,
} as const;

export interface FownEntry {
  uid: number;
  euid: number;
  signum: number;
  pid_type: number;
  pid: number;
}
export const FownEntry: MessageType<FownEntry> = {
  name: 'FownEntry',
  fields: [
    { no: 1, name: 'uid', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'euid', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'signum', kind: 'uint32', rule: 'required' },
    { no: 4, name: 'pid_type', kind: 'uint32', rule: 'required' },
    { no: 5, name: 'pid', kind: 'uint32', rule: 'required' },
  ],
};

export interface FhEntry {
  bytes: number;
  type: number;
  handle: bigint[];
  path?: string;
  mnt_id?: number;
}
export const FhEntry: MessageType<FhEntry> = {
  name: 'FhEntry',
  fields: [
    { no: 1, name: 'bytes', kind: 'uint32', rule: 'required' },
    { no: 2, name: 'type', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'handle', kind: 'uint64', rule: 'repeated' },
    { no: 4, name: 'path', kind: 'string', rule: 'optional' },
    { no: 5, name: 'mnt_id', kind: 'uint32', rule: 'optional' },
  ],
};

export interface IrmapCacheEntry {
  dev: number;
  inode: bigint;
  path: string;
}
export const IrmapCacheEntry: MessageType<IrmapCacheEntry> = {
  name: 'IrmapCacheEntry',
  fields: [
    { no: 1, name: 'dev', kind: 'uint32', rule: 'required', device: true, oldDevice: true },
    { no: 2, name: 'inode', kind: 'uint64', rule: 'required' },
    { no: 3, name: 'path', kind: 'string', rule: 'required' },
  ],
};
