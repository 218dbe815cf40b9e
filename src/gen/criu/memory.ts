// Generated from proto/criu/memory.proto by scripts/protoc-gen-tables.ts: do not edit.
import type { MessageType } from '../../bytes/proto2-schema.ts';

export interface AioRingEntry {
  id: bigint;
  nr_req: number;
  ring_len: number;
}
export const AioRingEntry: MessageType<AioRingEntry> = {
  name: 'AioRingEntry',
  fields: [
    { no: 1, name: 'id', kind: 'uint64', rule: 'required' },
    { no: 2, name: 'nr_req', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'ring_len', kind: 'uint32', rule: 'required' },
  ],
};

export interface MmEntry {
  mm_start_code: bigint;
  mm_end_code: bigint;
  mm_start_data: bigint;
  mm_end_data: bigint;
  mm_start_stack: bigint;
  mm_start_brk: bigint;
  mm_brk: bigint;
  mm_arg_start: bigint;
  mm_arg_end: bigint;
  mm_env_start: bigint;
  mm_env_end: bigint;
  exe_file_id: number;
  mm_saved_auxv: bigint[];
  vmas: VmaEntry[];
  dumpable?: number;
  aios: AioRingEntry[];
  thp_disabled?: boolean;
}
export const MmEntry: MessageType<MmEntry> = {
  name: 'MmEntry',
  fields: [
    { no: 1, name: 'mm_start_code', kind: 'uint64', rule: 'required', hex: true },
    { no: 2, name: 'mm_end_code', kind: 'uint64', rule: 'required', hex: true },
    { no: 3, name: 'mm_start_data', kind: 'uint64', rule: 'required', hex: true },
    { no: 4, name: 'mm_end_data', kind: 'uint64', rule: 'required', hex: true },
    { no: 5, name: 'mm_start_stack', kind: 'uint64', rule: 'required', hex: true },
    { no: 6, name: 'mm_start_brk', kind: 'uint64', rule: 'required', hex: true },
    { no: 7, name: 'mm_brk', kind: 'uint64', rule: 'required', hex: true },
    { no: 8, name: 'mm_arg_start', kind: 'uint64', rule: 'required', hex: true },
    { no: 9, name: 'mm_arg_end', kind: 'uint64', rule: 'required', hex: true },
    { no: 10, name: 'mm_env_start', kind: 'uint64', rule: 'required', hex: true },
    { no: 11, name: 'mm_env_end', kind: 'uint64', rule: 'required', hex: true },
    { no: 12, name: 'exe_file_id', kind: 'uint32', rule: 'required' },
    { no: 13, name: 'mm_saved_auxv', kind: 'uint64', rule: 'repeated' },
    { no: 14, name: 'vmas', kind: 'message', rule: 'repeated', of: () => VmaEntry },
    { no: 15, name: 'dumpable', kind: 'int32', rule: 'optional' },
    { no: 16, name: 'aios', kind: 'message', rule: 'repeated', of: () => AioRingEntry },
    { no: 17, name: 'thp_disabled', kind: 'bool', rule: 'optional' },
  ],
};

export interface VmaEntry {
  start: bigint;
  end: bigint;
  pgoff: bigint;
  shmid: bigint;
  prot: number;
  flags: number;
  status: number;
  fd: bigint;
  madv?: bigint;
  fdflags?: number;
}
export const VmaEntry: MessageType<VmaEntry> = {
  name: 'VmaEntry',
  fields: [
    { no: 1, name: 'start', kind: 'uint64', rule: 'required', hex: true },
    { no: 2, name: 'end', kind: 'uint64', rule: 'required', hex: true },
    { no: 3, name: 'pgoff', kind: 'uint64', rule: 'required' },
    { no: 4, name: 'shmid', kind: 'uint64', rule: 'required' },
    { no: 5, name: 'prot', kind: 'uint32', rule: 'required', flags: "mmap.prot" },
    { no: 6, name: 'flags', kind: 'uint32', rule: 'required', flags: "mmap.flags" },
    { no: 7, name: 'status', kind: 'uint32', rule: 'required', flags: "mmap.status" },
    { no: 8, name: 'fd', kind: 'sint64', rule: 'required' },
    { no: 9, name: 'madv', kind: 'uint64', rule: 'optional', hex: true },
    { no: 10, name: 'fdflags', kind: 'uint32', rule: 'optional', hex: true },
  ],
};

export interface PagemapHead {
  pages_id: number;
}
export const PagemapHead: MessageType<PagemapHead> = {
  name: 'PagemapHead',
  fields: [
    { no: 1, name: 'pages_id', kind: 'uint32', rule: 'required' },
  ],
};

export interface PagemapEntry {
  vaddr: bigint;
  compat_nr_pages: number;
  in_parent?: boolean;
  flags?: number;
  nr_pages?: bigint;
}
export const PagemapEntry: MessageType<PagemapEntry> = {
  name: 'PagemapEntry',
  fields: [
    { no: 1, name: 'vaddr', kind: 'uint64', rule: 'required', hex: true },
    { no: 2, name: 'compat_nr_pages', kind: 'uint32', rule: 'required' },
    { no: 3, name: 'in_parent', kind: 'bool', rule: 'optional' },
    { no: 4, name: 'flags', kind: 'uint32', rule: 'optional', flags: "pmap.flags" },
    { no: 5, name: 'nr_pages', kind: 'uint64', rule: 'optional' },
  ],
};
