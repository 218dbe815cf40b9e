import type { ImageSet } from '../criu/image-set.ts';
import { Memory } from '../criu/pages.ts';
import { MemfdInodeEntry } from '../gen/criu/files.ts';
import { type IpcDescEntry, IpcMsgEntry, IpcSemEntry, IpcShmEntry } from '../gen/criu/namespaces.ts';
import { bitNames, sealBits } from './linux-names.ts';
import { numbered } from './mounts.ts';

/** Memory that does not belong to one process alone. */
export interface SharedSegment {
  readonly kind: 'memfd' | 'anonymous' | 'system-v';
  /** The number of `pagemap-shmem-<segment>.img`. */
  readonly segment: number;
  /** Of a memfd. */
  readonly name?: string;
  readonly size: number;
  /** Bytes whose contents are in the checkpoint. */
  readonly resident: number;
  readonly uid: number;
  readonly gid: number;
  readonly mode?: number;
  readonly seals?: readonly string[];
  /** System V: the key it is found by. */
  readonly key?: number;
}

/** Every segment of shared memory. @throws CodedError `corrupt` */
export async function sharedMemory(images: ImageSet): Promise<SharedSegment[]> {
  const segments: SharedSegment[] = [];
  for (const entry of await images.messages('memfd.img', MemfdInodeEntry)) {
    const anonymous = entry.name === '/dev/zero';
    segments.push({
      kind: anonymous ? 'anonymous' : 'memfd',
      segment: entry.shmid,
      ...(!anonymous && { name: entry.name, seals: bitNames(entry.seals, sealBits) }),
      size: Number(entry.size),
      resident: await residentIn(images, entry.shmid),
      ...{ uid: entry.uid, gid: entry.gid },
      ...(entry.mode !== undefined && { mode: entry.mode }),
    });
  }
  for (const { name } of await numbered(images, 'ipcns-shm-')) {
    for (const { desc, size } of await images.messages(name, IpcShmEntry)) {
      const resident = await residentIn(images, desc.id);
      const { uid, gid, mode, key } = desc;
      segments.push({
        kind: 'system-v',
        segment: desc.id,
        size: Number(size),
        resident,
        uid,
        gid,
        mode,
        key,
      });
    }
  }
  return segments;
}

async function residentIn(images: ImageSet, segment: number): Promise<number> {
  const memory = await Memory.open(images, `pagemap-shmem-${segment}.img`);
  try {
    let bytes = 0;
    for (const run of memory?.runs() ?? []) if (run.state === 'present') bytes += Number(run.end - run.start);
    return bytes;
  } finally {
    await memory?.close();
  }
}

interface SystemVObject {
  readonly id: number;
  readonly key: number;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

export interface MessageQueue extends SystemVObject {
  /** The most bytes it may hold. */
  readonly capacity: number;
  readonly messages: readonly { readonly type: number; readonly bytes: Uint8Array }[];
}

export interface SemaphoreSet extends SystemVObject {
  readonly values: readonly number[];
}

export interface SystemV {
  readonly messageQueues: readonly MessageQueue[];
  readonly semaphores: readonly SemaphoreSet[];
}

/** Message queues and semaphores of System V; its shared memory is in {@link sharedMemory}. */
export async function systemV(images: ImageSet): Promise<SystemV> {
  const messageQueues: MessageQueue[] = [];
  for (const { name } of await numbered(images, 'ipcns-msg-')) {
    for (const { message, extra } of await images.entries(name, IpcMsgEntry)) {
      const { desc, qbytes } = message as IpcMsgEntry;
      const queued = extra?.kind === 'messages' ? extra.messages : [];
      const messages = queued.map((one) => ({ type: Number(one.message.mtype), bytes: one.data }));
      messageQueues.push({ ...objectOf(desc), capacity: qbytes, messages });
    }
  }
  const semaphores: SemaphoreSet[] = [];
  for (const { name } of await numbered(images, 'ipcns-sem-')) {
    for (const { message, extra } of await images.entries(name, IpcSemEntry)) {
      const values = extra?.kind === 'semaphores' ? extra.values : [];
      semaphores.push({ ...objectOf((message as IpcSemEntry).desc), values });
    }
  }
  return { messageQueues, semaphores };
}

function objectOf({ id, key, uid, gid, mode }: IpcDescEntry): SystemVObject {
  return { id, key, uid, gid, mode };
}
