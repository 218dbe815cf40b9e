/** CRIU images that no machine here makes, from their JSON as `crit` writes it. */
import { bytesSource } from '../src/bytes/byte-source.ts';
import { encodeCrit } from '../src/criu/crit-encode.ts';
import { ImageSet } from '../src/criu/image-set.ts';

/** Entries of an image by its magic, or its bytes as they are. */
export type MadeImage = { readonly magic: string; readonly entries: readonly object[] } | Uint8Array;

export type MadeImages = Readonly<Record<string, MadeImage>>;

export function imageBytes(image: MadeImage): Uint8Array {
  return image instanceof Uint8Array ? image : encodeCrit(JSON.stringify(image));
}

export function madeImageSet(images: MadeImages): ImageSet {
  return new ImageSet({
    names: async () => Object.keys(images),
    open: async (name) => {
      const image = images[name];
      return image && bytesSource(imageBytes(image));
    },
  });
}

/** What `pstree.img` says of processes: each with its parent and threads. */
export function pstree(
  ...processes: readonly { pid: number; ppid?: number; threads?: number[] }[]
): MadeImage {
  const entries = processes.map(({ pid, ppid = 0, threads = [pid] }) => {
    return { pid, ppid, pgid: pid, sid: pid, threads };
  });
  return { magic: 'PSTREE', entries };
}

/** A process without memory maps, all of whose addresses are those of `fields`. */
export function memoryMap(fields: object): MadeImage {
  const names =
    'start_code end_code start_data end_data start_stack start_brk brk arg_start arg_end env_start env_end';
  const zeros = Object.fromEntries(names.split(' ').map((name) => [`mm_${name}`, 0]));
  return { magic: 'MM', entries: [{ ...zeros, exe_file_id: 0, ...fields }] };
}
