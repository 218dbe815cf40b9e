import type { ImageSet } from '../criu/image-set.ts';
import { AutofsEntry, BinfmtMiscEntry, BpfmapDataEntry, FileEntry } from '../gen/criu/files.ts';
import { numbered } from './mounts.ts';

/** A mount that is filled when somebody looks into it. */
export interface Automount {
  /** Id of the mount, as the mount table has it. */
  readonly mount: number;
  readonly kind: 'indirect' | 'direct' | 'offset' | 'unknown';
  /** Group of the process that serves it. */
  readonly processGroup: number;
  /** The descriptor that it is served through. */
  readonly fd: number;
  /** Seconds without use until it is taken away. */
  readonly timeout: number;
  /** Versions of the protocol: `5` or `3-5`. */
  readonly protocol: string;
  readonly uid?: number;
  readonly gid?: number;
}

const automountKinds: Readonly<Record<number, Automount['kind']>> = {
  1: 'indirect',
  2: 'direct',
  4: 'offset',
};

/** @throws CodedError `corrupt` */
export async function automounts(images: ImageSet): Promise<Automount[]> {
  const found: Automount[] = [];
  for (const { name, id } of await numbered(images, 'autofs-')) {
    for (const entry of await images.messages(name, AutofsEntry)) {
      const { pgrp, fd, timeout, minproto, maxproto, uid, gid } = entry;
      found.push({
        mount: id,
        kind: automountKinds[entry.mode] ?? 'unknown',
        ...{ processGroup: pgrp, fd, timeout },
        protocol: minproto === maxproto ? String(maxproto) : `${minproto}-${maxproto}`,
        ...(uid !== undefined && { uid }),
        ...(gid !== undefined && { gid }),
      });
    }
  }
  return found;
}

/** A kind of file that the kernel runs through a program of its own. */
export interface BinaryFormat {
  readonly name: string;
  readonly enabled: boolean;
  readonly interpreter: string;
  readonly flags?: string;
  /** What such files are known by: the end of the name, or bytes at `offset`. */
  readonly extension?: string;
  readonly magic?: string;
  readonly mask?: string;
  readonly offset?: number;
}

/** @throws CodedError `corrupt` */
export async function binaryFormats(images: ImageSet): Promise<BinaryFormat[]> {
  return (await images.messages('binfmt-misc.img', BinfmtMiscEntry)).map((entry) => {
    const { name, enabled, interpreter, flags, extension, magic, mask, offset } = entry;
    return {
      ...{ name, enabled, interpreter },
      ...(flags && { flags }),
      ...(extension && { extension }),
      ...(magic && { magic, offset: offset ?? 0 }),
      ...(mask && { mask }),
    };
  });
}

/** A map of the kernel's BPF machine, with what was in it. */
export interface BpfMap {
  readonly id: number;
  readonly name: string;
  /** `hash`, `array`, …; a number for one that is newer than this program. */
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly capacity: number;
  readonly frozen: boolean;
  /** How many entries were dumped. */
  readonly count: number;
  /** The first of them. */
  readonly entries: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[];
}

/** The order of linux/bpf.h. */
const mapTypes = (
  'unspec hash array prog_array perf_event_array percpu_hash percpu_array stack_trace cgroup_array lru_hash ' +
  'lru_percpu_hash lpm_trie array_of_maps hash_of_maps devmap sockmap cpumap xskmap sockhash cgroup_storage ' +
  'reuseport_sockarray percpu_cgroup_storage queue stack sk_storage devmap_hash struct_ops ringbuf inode_storage ' +
  'task_storage bloom_filter user_ringbuf cgrp_storage arena'
).split(' ');

/** Most entries that are given of one map. */
const mostEntries = 1024;

/** The maps that were open, or whose contents were dumped. @throws CodedError `corrupt` */
export async function bpfMaps(images: ImageSet): Promise<BpfMap[]> {
  const contents = new Map((await images.entries('bpfmap-data.img', BpfmapDataEntry)).map(contentOf));
  const maps = new Map<number, BpfMap>();
  for (const { bpf } of await images.messages('files.img', FileEntry)) {
    if (!bpf || maps.has(bpf.map_id)) continue;
    const { map_id, map_name, map_type, key_size, value_size, max_entries, frozen } = bpf;
    maps.set(map_id, {
      ...{ id: map_id, name: map_name, type: mapTypes[map_type] ?? String(map_type) },
      ...{ keySize: key_size, valueSize: value_size, capacity: max_entries, frozen },
      ...(contents.get(map_id) ?? { count: 0, entries: [] }),
    });
  }
  return [...maps.values()];
}

type Contents = Pick<BpfMap, 'count' | 'entries'>;

/** All keys stand before all values; both have one length. */
function contentOf({ message, extra }: { message: unknown; extra?: unknown }): [id: number, Contents] {
  const { map_id, keys_bytes, values_bytes, count } = message as BpfmapDataEntry;
  const { bytes = new Uint8Array() } = (extra ?? {}) as { bytes?: Uint8Array };
  const [key, value] = [Math.floor(keys_bytes / count) || 0, Math.floor(values_bytes / count) || 0];
  const entries = Array.from(
    { length: key > 0 || value > 0 ? Math.min(count, mostEntries) : 0 },
    (_, at) => ({
      key: bytes.subarray(at * key, (at + 1) * key),
      value: bytes.subarray(keys_bytes + at * value, keys_bytes + (at + 1) * value),
    }),
  );
  return [map_id, { count, entries }];
}
