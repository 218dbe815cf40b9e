import { FileTable, fileTypeName } from '../criu/file-table.ts';
import type { ImageSet } from '../criu/image-set.ts';
import { FdinfoEntry, type FileEntry, MemfdInodeEntry, TtyInfoEntry } from '../gen/criu/files.ts';
import { FsEntry, TaskKobjIdsEntry } from '../gen/criu/task.ts';
import { type EventFile, eventFile } from './event-files.ts';
import { bitNames, openFlags, sealBits } from './linux-names.ts';
import { Problems } from './problems.ts';
import { listProcesses } from './process-tree.ts';
import {
  type GhostFile,
  ghostFiles,
  type Packet,
  type PipeQueue,
  pipeQueues,
  socketQueues,
  tcpStream,
} from './queues.ts';
import { type SocketReport, socketReport } from './sockets.ts';

/** An open file description: what descriptors lead to. */
export interface OpenFile {
  /** Its id in the images. */
  readonly id: number;
  /** CRIU's word: `REG`, `PIPE`, `INETSK`, … */
  readonly type: string;
  /** One line as checkpointctl prints it: a path, `pipe[7]`, `unix[3 (4) /path]`, `EVENTFD.5`. */
  readonly label: string;
  /** Of regular files, folders, devices and FIFOs. */
  readonly path?: string;
  /** How it was opened: `O_RDWR`, `O_APPEND`, … */
  readonly flags?: readonly string[];
  /** Where the next read or write goes. */
  readonly position?: number;
  readonly size?: number;
  /** Permission bits and kind of file. */
  readonly mode?: number;
  readonly mountId?: number;
  /** Pipes and FIFOs: the same for both ends. */
  readonly pipe?: number;
  /** Pipes and FIFOs: what was written and not read. */
  readonly unread?: PipeQueue;
  readonly socket?: SocketReport;
  readonly event?: EventFile;
  /** The file was deleted: what was in it. */
  readonly deleted?: GhostFile;
  readonly memfd?: {
    readonly name: string;
    readonly size: number;
    readonly seals: readonly string[];
    readonly segment: number;
  };
  readonly terminal?: {
    readonly index?: number;
    readonly session: number;
    readonly group: number;
    readonly rows?: number;
    readonly columns?: number;
  };
  readonly namespace?: { readonly id: number; readonly kind: string };
  readonly target?: { readonly pid: number };
  readonly device?: string;
  readonly bpfMap?: {
    readonly name: string;
    readonly entries: number;
    readonly keySize: number;
    readonly valueSize: number;
  };
}

export interface Descriptor {
  /** `cwd` and `root` are not descriptors but are listed like them. */
  readonly fd: number | 'cwd' | 'root';
  readonly closeOnExec: boolean;
  readonly file: OpenFile;
}

export interface ProcessFiles {
  readonly pid: number;
  /** The same for processes that share one table. */
  readonly table: number;
  readonly descriptors: readonly Descriptor[];
}

/** What is needed to describe files, read once. */
export interface FileContext {
  readonly images: ImageSet;
  readonly table: FileTable;
  readonly pipes: ReadonlyMap<number, PipeQueue>;
  readonly fifos: ReadonlyMap<number, PipeQueue>;
  readonly packets: ReadonlyMap<number, Packet[]>;
  readonly ghosts: ReadonlyMap<number, GhostFile>;
  readonly memfds: ReadonlyMap<number, MemfdInodeEntry>;
  readonly terminals: ReadonlyMap<number, TtyInfoEntry>;
  readonly streams: Map<number, Awaited<ReturnType<typeof tcpStream>>>;
}

/** Reads what {@link describeFile} needs; a part that is damaged is noted and left out. */
export async function fileContext(images: ImageSet, problems = new Problems()): Promise<FileContext> {
  const some = async <K, V>(about: string, work: () => Promise<Map<K, V>>): Promise<Map<K, V>> =>
    (await problems.attempt(about, work)) ?? new Map<K, V>();
  const keyed = <T>(items: readonly T[], key: (item: T) => number) =>
    new Map(items.map((one) => [key(one), one]));
  const table = await FileTable.read(images);
  const streams: FileContext['streams'] = new Map();
  for (const { isk } of table.all()) {
    if (isk)
      streams.set(isk.ino, await problems.attempt(`socket ${isk.ino}`, () => tcpStream(images, isk.ino)));
  }
  return {
    images,
    table,
    streams,
    pipes: await some('pipes-data.img', () => pipeQueues(images, 'pipes-data.img')),
    fifos: await some('fifo-data.img', () => pipeQueues(images, 'fifo-data.img')),
    packets: await some('sk-queues.img', () => socketQueues(images)),
    ghosts: await some('deleted files', () => ghostFiles(images)),
    memfds: await some('memfd.img', async () =>
      keyed(await images.messages('memfd.img', MemfdInodeEntry), ({ inode_id }) => Number(inode_id)),
    ),
    terminals: await some('tty-info.img', async () =>
      keyed(await images.messages('tty-info.img', TtyInfoEntry), ({ id }) => id),
    ),
  };
}

/** Every process's descriptors, working directory and root; dead processes have none. */
export async function openFiles(context: FileContext, problems = new Problems()): Promise<ProcessFiles[]> {
  const processes: ProcessFiles[] = [];
  for (const pid of (await listProcesses(context.images)).keys()) {
    const files = await problems.attempt(`process ${pid}: files`, () => filesOf(context, pid, problems));
    if (files) processes.push(files);
  }
  return processes;
}

async function filesOf(
  context: FileContext,
  pid: number,
  problems: Problems,
): Promise<ProcessFiles | undefined> {
  const ids = await context.images.message(`ids-${pid}.img`, TaskKobjIdsEntry);
  const fs = await context.images.message(`fs-${pid}.img`, FsEntry);
  if (!ids && !fs) return undefined;
  const table = ids?.files_id ?? 0;
  const descriptors: Descriptor[] = [];
  for (const { fd, id, type, flags } of await context.images.messages(`fdinfo-${table}.img`, FdinfoEntry)) {
    const file = context.table.get(id);
    if (!file)
      problems.add(`process ${pid}`, `descriptor ${fd} leads to file ${id}, which is not in the images`);
    descriptors.push({
      fd,
      closeOnExec: (flags & 1) !== 0,
      file: describeFile(context, file ?? { type, id }),
    });
  }
  descriptors.sort((a, b) => Number(a.fd) - Number(b.fd));
  for (const [fd, id] of [
    ['cwd', fs?.cwd_id],
    ['root', fs?.root_id],
  ] as const) {
    const file = id === undefined ? undefined : context.table.get(id);
    if (file) descriptors.push({ fd, closeOnExec: false, file: describeFile(context, file) });
  }
  return { pid, table, descriptors };
}

/** All that is known about one open file. */
export function describeFile(context: FileContext, file: FileEntry): OpenFile {
  const base = { id: file.id, type: fileTypeName(file.type), label: labelOf(file) };
  const { reg, pipe, fifo } = file;
  if (reg) return { ...base, ...regularOf(context, file.id, reg) };
  if (pipe) {
    const unread = context.pipes.get(pipe.pipe_id);
    return { ...base, flags: openFlags(pipe.flags), pipe: pipe.pipe_id, ...(unread && { unread }) };
  }
  if (fifo) {
    const named = context.table.get(fifo.regf_id ?? file.id)?.reg;
    const unread = context.fifos.get(fifo.pipe_id);
    return {
      ...base,
      ...(named && regularOf(context, file.id, named)),
      pipe: fifo.pipe_id,
      ...(unread && { unread }),
    };
  }
  const socket = socketReport(
    file,
    context.packets.get(file.id),
    file.isk && context.streams.get(file.isk.ino),
  );
  if (socket) return { ...base, socket };
  const event = eventFile(file);
  return event ? { ...base, event } : { ...base, ...rareOf(context, file) };
}

function regularOf(context: FileContext, id: number, reg: NonNullable<FileEntry['reg']>): Partial<OpenFile> {
  const deleted = context.ghosts.get(id);
  return {
    path: reg.name,
    flags: openFlags(reg.flags),
    position: Number(reg.pos),
    ...(reg.size !== undefined && { size: Number(reg.size) }),
    ...(reg.mode !== undefined && { mode: reg.mode }),
    ...(reg.mnt_id !== undefined && reg.mnt_id >= 0 && { mountId: reg.mnt_id }),
    ...(deleted && { deleted }),
  };
}

const namespaceFlags: Readonly<Record<number, string>> = {
  128: 'time',
  131072: 'mnt',
  33554432: 'cgroup',
  67108864: 'uts',
  134217728: 'ipc',
  268435456: 'user',
  536870912: 'pid',
  1073741824: 'net',
};

function rareOf(context: FileContext, { memfd, tty, nsf, pidfd, tunf, bpf }: FileEntry): Partial<OpenFile> {
  if (memfd) {
    const inode = context.memfds.get(memfd.inode_id);
    const facts = inode && {
      name: inode.name,
      size: Number(inode.size),
      seals: bitNames(inode.seals, sealBits),
      segment: inode.shmid,
    };
    return { flags: openFlags(memfd.flags), position: Number(memfd.pos), ...(facts && { memfd: facts }) };
  }
  if (tty) {
    const info = context.terminals.get(tty.tty_info_id);
    const terminal = info && {
      ...(info.pty && { index: info.pty.index }),
      session: info.sid,
      group: info.pgrp,
      ...(info.winsize && { rows: info.winsize.ws_row, columns: info.winsize.ws_col }),
    };
    return { flags: openFlags(tty.flags), ...(terminal && { terminal }) };
  }
  if (nsf)
    return { namespace: { id: nsf.ns_id, kind: namespaceFlags[nsf.ns_cflag] ?? String(nsf.ns_cflag) } };
  if (pidfd) return { flags: openFlags(pidfd.flags), target: { pid: pidfd.nspid } };
  if (tunf?.netdev !== undefined) return { device: tunf.netdev };
  if (!bpf) return {};
  const { map_name, max_entries, key_size, value_size } = bpf;
  return { bpfMap: { name: map_name, entries: max_entries, keySize: key_size, valueSize: value_size } };
}

/** One line for an open file, in the words that crit and checkpointctl use. */
function labelOf(file: FileEntry): string {
  if (file.reg) return file.reg.name;
  if (file.pipe) return `pipe[${file.pipe.pipe_id}]`;
  if (!file.usk) return `${fileTypeName(file.type)}.${file.id}`;
  const path = socketReport(file)?.path;
  return `unix[${file.usk.ino} (${file.usk.peer})${path ? ` ${path}` : ''}]`;
}
