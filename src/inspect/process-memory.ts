import { unixText } from '../bytes/unix-text.ts';
import type { ImageSet } from '../criu/image-set.ts';
import { Memory } from '../criu/pages.ts';
import { MmEntry } from '../gen/criu/memory.ts';

/** What a process says about itself in its own memory. */
export interface ProcessText {
  readonly args?: readonly string[];
  /** As they stand there, `NAME=value` by custom. */
  readonly environment?: readonly string[];
}

export interface ProcessTextOptions {
  args?: boolean | undefined;
  environment?: boolean | undefined;
  /** Longest area to read, in bytes. */
  maxLength?: number;
}

/** More than the kernel lets a program be started with. */
const defaultMaxLength = 8 << 20;

/**
 * The arguments and the environment of a process; what is not in the images is left out.
 * @throws CodedError `corrupt`
 */
export async function readProcessText(
  images: ImageSet,
  pid: number,
  { args, environment, maxLength = defaultMaxLength }: ProcessTextOptions,
): Promise<ProcessText> {
  const mm = await images.message(`mm-${pid}.img`, MmEntry);
  const memory = mm && (await Memory.open(images, `pagemap-${pid}.img`));
  if (!memory) return {};
  try {
    const read = (from: bigint, to: bigint): Promise<Uint8Array | undefined> => {
      const length = to > from ? to - from : 0n;
      return memory.read(from, Number(length > BigInt(maxLength) ? BigInt(maxLength) : length));
    };
    const words = args && (await readArgs(mm, read));
    const settings = environment && (await read(mm.mm_env_start, mm.mm_env_end));
    return {
      ...(words && { args: words }),
      ...(settings && { environment: splitText(settings).filter((text) => text !== '') }),
    };
  } finally {
    await memory.close();
  }
}

/**
 * A program that wrote a title over its arguments may have gone on into the environment: then there is no
 * NUL at the end of the arguments, and the one text runs on to the next, as the kernel shows it.
 */
async function readArgs(
  mm: MmEntry,
  read: (from: bigint, to: bigint) => Promise<Uint8Array | undefined>,
): Promise<string[] | undefined> {
  const bytes = await read(mm.mm_arg_start, mm.mm_arg_end);
  if (!bytes || bytes.length === 0 || bytes.at(-1) === 0) return bytes && splitText(bytes);
  const more = mm.mm_env_start === mm.mm_arg_end && (await read(mm.mm_arg_start, mm.mm_env_end));
  const end = more ? more.indexOf(0, bytes.length) : -1;
  const titleEnd = bytes.indexOf(0);
  if (!more || titleEnd >= 0) return splitText(bytes.subarray(0, titleEnd < 0 ? bytes.length : titleEnd));
  return splitText(more.subarray(0, end < 0 ? more.length : end));
}

/** The texts in `bytes`, each ended by a NUL (the last may lack it). */
function splitText(bytes: Uint8Array): string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const nul = bytes.indexOf(0, at);
    const end = nul < 0 ? bytes.length : nul;
    texts.push(unixText(bytes.subarray(at, end)));
    at = end + 1;
  }
  return texts;
}
