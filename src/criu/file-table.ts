import type { MessageType } from '../bytes/proto2-schema.ts';
import {
  EventfdFileEntry,
  EventpollFileEntry,
  EventpollTfdEntry,
  FanotifyFileEntry,
  FanotifyMarkEntry,
  InotifyFileEntry,
  InotifyWdEntry,
  SignalfdEntry,
  TimerfdEntry,
} from '../gen/criu/events.ts';
import {
  BpfmapFileEntry,
  ExtFileEntry,
  FdTypes,
  FifoEntry,
  FileEntry,
  NsFileEntry,
  PidfdEntry,
  PipeEntry,
  RegFileEntry,
  TtyFileEntry,
} from '../gen/criu/files.ts';
import { TunfileEntry } from '../gen/criu/namespaces.ts';
import { InetSkEntry, NetlinkSkEntry, PacketSockEntry, UnixSkEntry } from '../gen/criu/sockets.ts';
import type { ImageSet } from './image-set.ts';

/** Every open file of a dump, by the id that descriptors, maps, working directories and queues name. */
export class FileTable {
  readonly #files: ReadonlyMap<number, FileEntry>;

  private constructor(files: ReadonlyMap<number, FileEntry>) {
    this.#files = files;
  }

  /** From `files.img`, or from the file per kind that sets before CRIU 3.0 have. @throws CodedError `corrupt` */
  static async read(images: ImageSet): Promise<FileTable> {
    const files = new Map<number, FileEntry>();
    for (const file of await images.messages('files.img', FileEntry)) files.set(file.id, file);
    if (files.size === 0) {
      for (const old of oldImages) await old(images, files);
      await joinEvents(images, files);
    }
    return new FileTable(files);
  }

  get(id: number): FileEntry | undefined {
    return this.#files.get(id);
  }

  /** All files, in the order of the image. */
  all(): Iterable<FileEntry> {
    return this.#files.values();
  }
}

type OldImage = (images: ImageSet, files: Map<number, FileEntry>) => Promise<void>;

function oldImage<K extends keyof FileEntry, T extends NonNullable<FileEntry[K]> & { id: number }>(
  name: string,
  type: number,
  key: K,
  message: MessageType<T>,
): OldImage {
  return async (images, files) => {
    for (const entry of await images.messages(name, message)) {
      files.set(entry.id, { type, id: entry.id, [key]: entry } as FileEntry);
    }
  };
}

const oldImages: readonly OldImage[] = [
  oldImage('reg-files.img', FdTypes.REG, 'reg', RegFileEntry),
  oldImage('inetsk.img', FdTypes.INETSK, 'isk', InetSkEntry),
  oldImage('ns-files.img', FdTypes.NS, 'nsf', NsFileEntry),
  oldImage('packetsk.img', FdTypes.PACKETSK, 'psk', PacketSockEntry),
  oldImage('netlinksk.img', FdTypes.NETLINKSK, 'nlsk', NetlinkSkEntry),
  oldImage('eventfd.img', FdTypes.EVENTFD, 'efd', EventfdFileEntry),
  oldImage('eventpoll.img', FdTypes.EVENTPOLL, 'epfd', EventpollFileEntry),
  oldImage('signalfd.img', FdTypes.SIGNALFD, 'sgfd', SignalfdEntry),
  oldImage('tunfile.img', FdTypes.TUNF, 'tunf', TunfileEntry),
  oldImage('timerfd.img', FdTypes.TIMERFD, 'tfd', TimerfdEntry),
  oldImage('inotify.img', FdTypes.INOTIFY, 'ify', InotifyFileEntry),
  oldImage('fanotify.img', FdTypes.FANOTIFY, 'ffy', FanotifyFileEntry),
  oldImage('ext-files.img', FdTypes.EXT, 'ext', ExtFileEntry),
  oldImage('unixsk.img', FdTypes.UNIXSK, 'usk', UnixSkEntry),
  oldImage('fifo.img', FdTypes.FIFO, 'fifo', FifoEntry),
  oldImage('pipes.img', FdTypes.PIPE, 'pipe', PipeEntry),
  oldImage('tty.img', FdTypes.TTY, 'tty', TtyFileEntry),
  oldImage('bpfmap.img', FdTypes.BPFMAP, 'bpf', BpfmapFileEntry),
  oldImage('pidfd.img', FdTypes.PIDFD, 'pidfd', PidfdEntry as MessageType<PidfdEntry & { id: number }>),
];

/** What is watched stood in files of its own too; the newer form has it inside the watcher. */
async function joinEvents(images: ImageSet, files: Map<number, FileEntry>): Promise<void> {
  for (const target of await images.messages('eventpoll-tfd.img', EventpollTfdEntry)) {
    files.get(target.id)?.epfd?.tfd.push(target);
  }
  for (const watch of await images.messages('inotify-wd.img', InotifyWdEntry)) {
    files.get(watch.id)?.ify?.wd.push(watch);
  }
  for (const mark of await images.messages('fanotify-mark.img', FanotifyMarkEntry)) {
    files.get(mark.id)?.ffy?.mark.push(mark);
  }
}

const typeNames = new Map<number, string>(Object.entries(FdTypes).map(([name, number]) => [number, name]));

/** CRIU's word for a type of file, `REG`, `INETSK`. */
export function fileTypeName(type: number): string {
  return typeNames.get(type) ?? `type ${type}`;
}
