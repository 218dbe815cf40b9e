import type { MessageType } from '../bytes/proto2-schema.ts';
import * as events from '../gen/criu/events.ts';
import * as files from '../gen/criu/files.ts';
import * as handles from '../gen/criu/handles.ts';
import * as inventory from '../gen/criu/inventory.ts';
import * as memory from '../gen/criu/memory.ts';
import * as namespaces from '../gen/criu/namespaces.ts';
import * as sockets from '../gen/criu/sockets.ts';
import * as task from '../gen/criu/task.ts';

/** What follows the message of an entry. */
export type Payload =
  | 'none'
  | 'pipe'
  | 'packet'
  | 'tcp'
  | 'bpf-map'
  | 'ipc-shm'
  | 'ipc-msg'
  | 'ipc-sem'
  | 'ghost'
  | 'pagemap';

/** One kind of image: the one place that ties a magic number to a name, to file names and to a message. */
export interface ImageKind {
  /** The name in CRIU's own table of magic numbers; `crit` prints it. */
  readonly name: string;
  readonly magic: number;
  /** File names, without `.img`; `#` stands for a decimal and `%` for a hexadecimal number. */
  readonly files: readonly string[];
  readonly message: MessageType<unknown>;
  readonly payload: Payload;
  /** The first word of the file: most kinds have `common`, statistics and caches `service`. */
  readonly framing: Framing;
}

/** `plain` images (the inventory, and everything in format 1.0) start with the kind's own magic. */
export type Framing = 'plain' | 'common' | 'service';

export const commonMagic = 0x54564319;
export const serviceMagic = 0x55105940;

function kind(
  name: string,
  magic: number,
  fileNames: string,
  message: MessageType<unknown>,
  payload: Payload = 'none',
  framing: Framing = 'common',
): ImageKind {
  return { name, magic, files: fileNames.split(' '), message, payload, framing };
}

export const imageKinds: readonly ImageKind[] = [
  kind('INVENTORY', 0x58313116, 'inventory', inventory.InventoryEntry, 'none', 'plain'),
  kind('PSTREE', 0x50273030, 'pstree', inventory.PstreeEntry),
  kind('FDINFO', 0x56213732, 'fdinfo-#', files.FdinfoEntry),
  kind('PAGEMAP', 0x56084025, 'pagemap-# pagemap-shmem-#', memory.PagemapEntry, 'pagemap'),
  kind('CORE', 0x55053847, 'core-#', task.CoreEntry),
  kind('IDS', 0x54432030, 'ids-#', task.TaskKobjIdsEntry),
  kind('VMAS', 0x54123737, 'vmas-#', memory.VmaEntry),
  kind('PIPES', 0x56513555, 'pipes', files.PipeEntry),
  kind('PIPES_DATA', 0x56453709, 'pipes-data', files.PipeDataEntry, 'pipe'),
  kind('FIFO', 0x58364939, 'fifo', files.FifoEntry),
  kind('FIFO_DATA', 0x59333054, 'fifo-data', files.PipeDataEntry, 'pipe'),
  kind('SIGACT', 0x55344201, 'sigacts-#', task.SaEntry),
  kind('UNIXSK', 0x54373943, 'unixsk', sockets.UnixSkEntry),
  kind('INETSK', 0x56443851, 'inetsk', sockets.InetSkEntry),
  kind('PACKETSK', 0x60454618, 'packetsk', sockets.PacketSockEntry),
  kind('ITIMERS', 0x57464056, 'itimers-#', task.ItimerEntry),
  kind('POSIX_TIMERS', 0x52603957, 'posix-timers-#', task.PosixTimerEntry),
  kind('SK_QUEUES', 0x56264026, 'sk-queues', sockets.SkPacketEntry, 'packet'),
  kind('UTSNS', 0x54473203, 'utsns-#', namespaces.UtsnsEntry),
  kind('CREDS', 0x54023547, 'creds-#', task.CredsEntry),
  kind('IPC_VAR', 0x53115007, 'ipcns-var-#', namespaces.IpcVarEntry),
  kind('IPCNS_SHM', 0x46283044, 'ipcns-shm-#', namespaces.IpcShmEntry, 'ipc-shm'),
  kind('IPCNS_MSG', 0x55453737, 'ipcns-msg-#', namespaces.IpcMsgEntry, 'ipc-msg'),
  kind('IPCNS_SEM', 0x59573019, 'ipcns-sem-#', namespaces.IpcSemEntry, 'ipc-sem'),
  kind('REG_FILES', 0x50363636, 'reg-files', files.RegFileEntry),
  kind('EXT_FILES', 0x59255641, 'ext-files', files.ExtFileEntry),
  kind('FS', 0x51403912, 'fs-#', task.FsEntry),
  kind('MM', 0x57492820, 'mm-#', memory.MmEntry),
  kind('REMAP_FPATH', 0x59133954, 'remap-fpath', files.RemapFilePathEntry),
  kind('GHOST_FILE', 0x52583605, 'ghost-file-%', files.GhostFileEntry, 'ghost'),
  kind('TCP_STREAM', 0x51465506, 'tcp-stream-%', sockets.TcpStreamEntry, 'tcp'),
  kind('EVENTFD_FILE', 0x44523722, 'eventfd', events.EventfdFileEntry),
  kind('EVENTPOLL_FILE', 0x45023858, 'eventpoll', events.EventpollFileEntry),
  kind('EVENTPOLL_TFD', 0x44433746, 'eventpoll-tfd', events.EventpollTfdEntry),
  kind('SIGNALFD', 0x57323820, 'signalfd', events.SignalfdEntry),
  kind('INOTIFY_FILE', 0x48424431, 'inotify', events.InotifyFileEntry),
  kind('INOTIFY_WD', 0x54562009, 'inotify-wd', events.InotifyWdEntry),
  kind('MNTS', 0x55563928, 'mountpoints-#', namespaces.MntEntry),
  kind('NETDEV', 0x57373951, 'netdev-#', namespaces.NetDeviceEntry),
  kind('NETNS', 0x55933752, 'netns-#', namespaces.NetnsEntry),
  kind('TTY_FILES', 0x59433025, 'tty', files.TtyFileEntry),
  kind('TTY_INFO', 0x59453036, 'tty-info', files.TtyInfoEntry),
  kind('TTY_DATA', 0x59413026, 'tty-data', files.TtyDataEntry),
  kind('FILE_LOCKS', 0x54323616, 'filelocks', files.FileLockEntry),
  kind('RLIMIT', 0x57113925, 'rlimit-#', task.RlimitEntry),
  kind('FANOTIFY_FILE', 0x55096122, 'fanotify', events.FanotifyFileEntry),
  kind('FANOTIFY_MARK', 0x56506035, 'fanotify-mark', events.FanotifyMarkEntry),
  kind('SIGNAL', 0x59255647, 'signal-s-# signal-p-#', task.SiginfoEntry),
  kind('NETLINK_SK', 0x58005614, 'netlinksk', sockets.NetlinkSkEntry),
  kind('NS_FILES', 0x61394011, 'ns-files', files.NsFileEntry),
  kind('TUNFILE', 0x57143751, 'tunfile', namespaces.TunfileEntry),
  kind('CGROUP', 0x59383330, 'cgroup', inventory.CgroupEntry),
  kind('TIMERFD', 0x50493712, 'timerfd', events.TimerfdEntry),
  kind('CPUINFO', 0x61404013, 'cpuinfo', inventory.CpuinfoEntry),
  kind('USERNS', 0x55474906, 'userns-#', namespaces.UsernsEntry),
  kind('SECCOMP', 0x64413049, 'seccomp', inventory.SeccompEntry),
  kind('BINFMT_MISC', 0x67343323, 'binfmt-misc', files.BinfmtMiscEntry),
  kind('AUTOFS', 0x49353943, 'autofs-#', files.AutofsEntry),
  kind('FILES', 0x56303138, 'files', files.FileEntry),
  kind('MEMFD_INODE', 0x48453499, 'memfd', files.MemfdInodeEntry),
  kind('TIMENS', 0x43114433, 'timens-#', namespaces.TimensEntry),
  kind('PIDNS', 0x61157326, 'pidns-#', namespaces.PidnsEntry),
  kind('BPFMAP_FILE', 0x57506142, 'bpfmap', files.BpfmapFileEntry),
  kind('BPFMAP_DATA', 0x64324033, 'bpfmap-data', files.BpfmapDataEntry, 'bpf-map'),
  kind('APPARMOR', 0x59423047, 'apparmor', inventory.ApparmorEntry),
  kind('PIDFD', 0x54435556, 'pidfd', files.PidfdEntry),
  kind('STATS', 0x57093306, 'stats-dump stats-restore', inventory.StatsEntry, 'none', 'service'),
  kind('IRMAP_CACHE', 0x57004059, 'irmap-cache', handles.IrmapCacheEntry, 'none', 'service'),
];

const byMagic = new Map(imageKinds.map((one) => [one.magic, one]));
const byName = new Map(imageKinds.map((one) => [one.name, one]));

export function kindOfMagic(magic: number): ImageKind | undefined {
  return byMagic.get(magic);
}

export function kindNamed(name: string): ImageKind | undefined {
  return byName.get(name);
}

const byStem = new Map(imageKinds.flatMap((one) => one.files.map((file) => [file, one] as const)));

/**
 * The kind of image that a file of this name holds (no folder, `.img` or not), or undefined: the name is
 * not CRIU's, or the file is raw.
 */
export function kindOfFile(name: string): ImageKind | undefined {
  const stem = name.endsWith('.img') ? name.slice(0, -4) : name;
  const plain = byStem.get(stem);
  if (plain) return plain;
  const number = /^(.+-)(\d+|[0-9a-f]+)$/.exec(stem);
  if (!number) return undefined;
  const decimal = /^\d+$/.test(number[2] ?? '') ? byStem.get(`${number[1]}#`) : undefined;
  return decimal ?? byStem.get(`${number[1]}%`);
}
