import type { ImageSet } from '../criu/image-set.ts';
import type { Extra } from '../criu/payload.ts';
import {
  type GhostChunkEntry,
  GhostFileEntry,
  PipeDataEntry,
  RemapFilePathEntry,
  RemapType,
} from '../gen/criu/files.ts';
import { SkPacketEntry, TcpStreamEntry } from '../gen/criu/sockets.ts';

/** Bytes that wait to be read, with what travels along. */
export interface Packet {
  readonly bytes: Uint8Array;
  /** Ids of open files that are sent along. */
  readonly files: readonly number[];
}

/** Unread data of one pipe or FIFO. */
export interface PipeQueue {
  readonly bytes: Uint8Array;
  /** How much the pipe can hold. */
  readonly capacity?: number;
}

/** Unread data by the number of the pipe. @throws CodedError `corrupt` */
export async function pipeQueues(
  images: ImageSet,
  name: 'pipes-data.img' | 'fifo-data.img',
): Promise<Map<number, PipeQueue>> {
  const queues = new Map<number, PipeQueue>();
  for (const { message, extra } of await images.entries(name, PipeDataEntry)) {
    const { pipe_id, size } = message as PipeDataEntry;
    queues.set(pipe_id, { bytes: bytesOf(extra), ...(size !== undefined && { capacity: size }) });
  }
  return queues;
}

/** Undelivered packets by the id of the file of the socket that is to get them. @throws CodedError `corrupt` */
export async function socketQueues(images: ImageSet): Promise<Map<number, Packet[]>> {
  const queues = new Map<number, Packet[]>();
  for (const { message, extra } of await images.entries('sk-queues.img', SkPacketEntry)) {
    const { id_for, scm } = message as SkPacketEntry;
    const list = queues.get(id_for) ?? [];
    list.push({ bytes: bytesOf(extra), files: scm.flatMap(({ rights }) => rights) });
    queues.set(id_for, list);
  }
  return queues;
}

function bytesOf(extra: Extra | undefined): Uint8Array {
  return extra?.kind === 'bytes' ? extra.bytes : new Uint8Array();
}

const tcpOptions = ['timestamps', 'sack', 'window scaling', 'ecn', 'ecn seen', 'syn data'];

/** An established TCP connection as the kernel held it. */
export interface TcpStream {
  /** Arrived and not read. */
  readonly received: Uint8Array;
  /** Written, and not acknowledged or not even sent. */
  readonly sending: Uint8Array;
  /** How much at the end of `sending` was not sent yet. */
  readonly unsent: number;
  readonly receiveSequence: number;
  readonly sendSequence: number;
  readonly maximumSegmentSize: number;
  readonly options: readonly string[];
  readonly sendWindowScale: number;
  readonly receiveWindowScale?: number;
  readonly sendWindow?: number;
  readonly receiveWindow?: number;
  readonly timestamp?: number;
}

/** The connection of the socket with this inode, or undefined where it has none. @throws CodedError `corrupt` */
export async function tcpStream(images: ImageSet, inode: number): Promise<TcpStream | undefined> {
  const [entry] = await images.entries(`tcp-stream-${inode.toString(16)}.img`, TcpStreamEntry);
  if (entry?.extra?.kind !== 'tcp') return undefined;
  const stream = entry.message as TcpStreamEntry;
  const { rcv_wscale, snd_wnd, rcv_wnd, timestamp } = stream;
  return {
    received: entry.extra.inq,
    sending: entry.extra.outq,
    unsent: stream.unsq_len ?? 0,
    receiveSequence: stream.inq_seq,
    sendSequence: stream.outq_seq,
    maximumSegmentSize: stream.mss_clamp,
    options: tcpOptions.filter((_, bit) => stream.opt_mask & (1 << bit)),
    sendWindowScale: stream.snd_wscale,
    ...(rcv_wscale !== undefined && { receiveWindowScale: rcv_wscale }),
    ...(snd_wnd !== undefined && { sendWindow: snd_wnd }),
    ...(rcv_wnd !== undefined && { receiveWindow: rcv_wnd }),
    ...(timestamp !== undefined && { timestamp }),
  };
}

/** A file that was deleted while somebody had it open. */
export interface GhostFile {
  /** The name of its image. */
  readonly image: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly size: number;
  /** What is in it, hole by hole left out: offset and bytes. */
  readonly parts: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
  readonly linkTarget?: string;
}

/** Deleted files by the id of the open file. @throws CodedError `corrupt` */
export async function ghostFiles(images: ImageSet): Promise<Map<number, GhostFile>> {
  const ghosts = new Map<number, GhostFile>();
  for (const { orig_id, remap_id, remap_type } of await images.messages(
    'remap-fpath.img',
    RemapFilePathEntry,
  )) {
    if (remap_type !== undefined && remap_type !== RemapType.GHOST) continue;
    const ghost = await ghostFile(images, `ghost-file-${remap_id.toString(16)}.img`);
    if (ghost) ghosts.set(orig_id, ghost);
  }
  return ghosts;
}

async function ghostFile(images: ImageSet, name: string): Promise<GhostFile | undefined> {
  const entries = (await images.image(name))?.entries ?? [];
  const head = entries[0]?.type === GhostFileEntry ? (entries[0].message as GhostFileEntry) : undefined;
  if (!head) return undefined;
  const parts = head.chunks
    ? entries.slice(1).map(({ message, extra }) => ({
        offset: Number((message as GhostChunkEntry).off),
        bytes: bytesOf(extra),
      }))
    : [{ offset: 0, bytes: bytesOf(entries[0]?.extra) }];
  const end = parts.reduce((most, { offset, bytes }) => Math.max(most, offset + bytes.length), 0);
  const { uid, gid, mode, symlnk_target } = head;
  return {
    ...{ image: name, uid, gid, mode, parts },
    size: head.size === undefined ? end : Number(head.size),
    ...(symlnk_target !== undefined && { linkTarget: symlnk_target }),
  };
}
