import type { MessageType } from '../bytes/proto2-schema.ts';
import type { BpfmapDataEntry, GhostChunkEntry, GhostFileEntry, PipeDataEntry } from '../gen/criu/files.ts';
import { IpcMsg, type IpcMsgEntry, type IpcSemEntry, type IpcShmEntry } from '../gen/criu/namespaces.ts';
import type { SkPacketEntry, TcpStreamEntry } from '../gen/criu/sockets.ts';
import type { Payload } from './magic.ts';

/** One message of a System V queue. */
export interface QueuedMessage {
  readonly type: MessageType<IpcMsg>;
  readonly message: IpcMsg;
  readonly raw: Uint8Array;
  readonly data: Uint8Array;
  /** What fills the space up to a multiple of 8. */
  readonly padding: Uint8Array;
}

/** The bytes that follow the message of some entries, taken apart. `padding` is kept to write it back. */
export type Extra =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly padding: Uint8Array }
  | { readonly kind: 'tcp'; readonly inq: Uint8Array; readonly outq: Uint8Array }
  | { readonly kind: 'messages'; readonly messages: readonly QueuedMessage[] }
  | { readonly kind: 'semaphores'; readonly values: readonly number[]; readonly padding: Uint8Array };

/** What {@link readExtra} reads from; it refuses lengths that go beyond the end. */
export interface PayloadSource {
  readonly littleEndian: boolean;
  readonly left: number;
  take(length: number | bigint, what: string): Uint8Array;
  message<T>(type: MessageType<T>): { message: T; raw: Uint8Array };
}

/** How many bytes bring `length` to a multiple of `unit`. */
export function paddingFor(length: number, unit: number): number {
  return (unit - (length % unit)) % unit;
}

/** What follows `message` in an image whose payload is `payload`. */
export function readExtra(
  payload: Payload,
  type: MessageType<unknown>,
  message: unknown,
  source: PayloadSource,
): Extra | undefined {
  switch (payload) {
    case 'pipe':
      return plain(source, (message as PipeDataEntry).bytes, 'the data of a pipe');
    case 'packet':
      return plain(source, (message as SkPacketEntry).length, 'a queued packet');
    case 'bpf-map': {
      const { keys_bytes, values_bytes } = message as BpfmapDataEntry;
      return plain(source, keys_bytes + values_bytes, 'the contents of a BPF map');
    }
    case 'tcp': {
      const { inq_len, outq_len } = message as TcpStreamEntry;
      const inq = source.take(inq_len, 'a receive queue');
      return { kind: 'tcp', inq, outq: source.take(outq_len, 'a send queue') };
    }
    case 'ghost':
      return readGhost(type, message, source);
    case 'ipc-shm':
      return readSharedMemory(message as IpcShmEntry, source);
    case 'ipc-msg':
      return readMessages(message as IpcMsgEntry, source);
    case 'ipc-sem':
      return readSemaphores(message as IpcSemEntry, source);
    default:
      return undefined;
  }
}

const nothing = new Uint8Array();

function plain(source: PayloadSource, length: number | bigint, what: string): Extra {
  return { kind: 'bytes', bytes: source.take(length, what), padding: nothing };
}

/** The head of a chunked file carries nothing, each chunk its own bytes; else the rest is the file. */
function readGhost(type: MessageType<unknown>, message: unknown, source: PayloadSource): Extra | undefined {
  if (type.name === 'GhostChunkEntry') {
    return plain(source, (message as GhostChunkEntry).len, 'a part of a deleted file');
  }
  if ((message as GhostFileEntry).chunks) return undefined;
  return plain(source, source.left, 'a deleted file');
}

/** Segments whose pages are in a pagemap have nothing here. */
function readSharedMemory(message: IpcShmEntry, source: PayloadSource): Extra | undefined {
  if (message.in_pagemaps) return undefined;
  const bytes = source.take(message.size, 'a shared memory segment');
  return { kind: 'bytes', bytes, padding: source.take(paddingFor(bytes.length, 4), 'its padding') };
}

function readMessages(message: IpcMsgEntry, source: PayloadSource): Extra {
  const messages: QueuedMessage[] = [];
  for (let count = 0; count < message.qnum; count++) {
    const { message: head, raw } = source.message(IpcMsg);
    const data = source.take(head.msize, 'a queued message');
    const padding = source.take(paddingFor(data.length, 8), 'the padding of a message');
    messages.push({ type: IpcMsg, message: head, raw, data, padding });
  }
  return { kind: 'messages', messages };
}

function readSemaphores(message: IpcSemEntry, source: PayloadSource): Extra {
  const bytes = source.take(message.nsems * 2, 'a set of semaphores');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const values = Array.from({ length: message.nsems }, (_, at) =>
    view.getUint16(at * 2, source.littleEndian),
  );
  return {
    kind: 'semaphores',
    values,
    padding: source.take(paddingFor(bytes.length, 8), 'the padding of semaphores'),
  };
}
