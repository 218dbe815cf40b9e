import { decodeMessage } from '../bytes/proto2-decode.ts';
import type { MessageType } from '../bytes/proto2-schema.ts';
import { CodedError, isCoded } from '../errors/coded-error.ts';
import { GhostChunkEntry, type GhostFileEntry } from '../gen/criu/files.ts';
import { PagemapEntry, PagemapHead } from '../gen/criu/memory.ts';
import { commonMagic, type Framing, type ImageKind, kindOfMagic, serviceMagic } from './magic.ts';
import { type Extra, readExtra } from './payload.ts';

/** One record of an image. */
export interface ImageEntry {
  readonly type: MessageType<unknown>;
  /** A value of `type`. */
  readonly message: unknown;
  /** The message as it was in the file. */
  readonly raw: Uint8Array;
  readonly extra: Extra | undefined;
}

/** A whole image file. */
export interface Image {
  readonly kind: ImageKind;
  readonly framing: Framing;
  /** Byte order of the framing words; the machine's that was dumped. */
  readonly littleEndian: boolean;
  readonly entries: readonly ImageEntry[];
}

export interface ImageLimits {
  /** Most entries in one image. */
  maxEntries: number;
}

const defaultLimits: ImageLimits = { maxEntries: 250_000 };

/** The start of an image: what it is and where its first entry stands. */
export interface ImageHeader {
  readonly kind: ImageKind;
  readonly framing: Framing;
  readonly littleEndian: boolean;
  /** Length of the header in bytes. */
  readonly length: number;
}

/** Bytes that {@link readHeader} needs at most. */
export const headerLength = 8;

/**
 * What the first bytes of an image say.
 * @throws CodedError `corrupt` when they are too few, `unsupported` when no kind of image starts so.
 */
export function readHeader(bytes: Uint8Array, name = 'image'): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 4) throw new CodedError('corrupt', `${name}: ${bytes.length} bytes are no image`);
  for (const littleEndian of [true, false]) {
    const first = view.getUint32(0, littleEndian);
    const framed = first === commonMagic || first === serviceMagic;
    if (framed && bytes.length < 8) throw new CodedError('corrupt', `${name}: ends inside its header`);
    const kind = kindOfMagic(framed ? view.getUint32(4, littleEndian) : first);
    if (!kind) continue;
    const framing = first === commonMagic ? 'common' : first === serviceMagic ? 'service' : 'plain';
    return { kind, framing, littleEndian, length: framed ? 8 : 4 };
  }
  const first = view.getUint32(0, true);
  const framed = first === commonMagic || first === serviceMagic;
  const magic = `0x${(framed ? view.getUint32(4, true) : first).toString(16)}`;
  throw new CodedError('unsupported', `${name}: unknown magic ${magic}`, {
    data: { magic },
    hint: 'files of raw data, such as pages-1.img, have no header',
  });
}

/**
 * All of one image file.
 * @param name for messages: the file's name.
 * @throws CodedError `corrupt` for anything that is cut off or malformed, `resource-exhausted` for more
 *   entries than the limit, `unsupported` for an unknown magic.
 */
export function decodeImage(bytes: Uint8Array, name = 'image', limits: Partial<ImageLimits> = {}): Image {
  const { maxEntries } = { ...defaultLimits, ...limits };
  const header = readHeader(bytes, name);
  const cursor = new ImageCursor(bytes, header, name);
  const entries: ImageEntry[] = [];
  let type = header.kind.payload === 'pagemap' ? (PagemapHead as MessageType<unknown>) : header.kind.message;
  const { payload } = header.kind;
  while (!cursor.done) {
    if (entries.length >= maxEntries) {
      throw new CodedError('resource-exhausted', `${name}: more than ${maxEntries} entries`, {
        data: { file: name, allowed: maxEntries },
        hint: 'if the images can be trusted, raise the limit with --max-image-entries',
      });
    }
    const { message, raw } = cursor.message(type);
    entries.push({ type, message, raw, extra: readExtra(payload, type, message, cursor) });
    if (payload === 'pagemap') type = PagemapEntry;
    if (payload === 'ghost' && (message as GhostFileEntry).chunks) type = GhostChunkEntry;
  }
  const { kind, framing, littleEndian } = header;
  return { kind, framing, littleEndian, entries };
}

/** Walks over the bytes of one image; every length is held against what is left. */
export class ImageCursor {
  readonly littleEndian: boolean;
  readonly #bytes: Uint8Array;
  readonly #name: string;
  #at: number;

  constructor(bytes: Uint8Array, header: Pick<ImageHeader, 'length' | 'littleEndian'>, name: string) {
    this.#bytes = bytes;
    this.#at = header.length;
    this.#name = name;
    this.littleEndian = header.littleEndian;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** The next `length` bytes, as a view. */
  take(length: number | bigint, what: string): Uint8Array {
    if (BigInt(length) > BigInt(this.left)) {
      throw this.broken(`${what} has ${length} bytes, but ${this.left} are left`);
    }
    this.#at += Number(length);
    return this.#bytes.subarray(this.#at - Number(length), this.#at);
  }

  /** The next SIZE word and the message of that size. */
  message<T>(type: MessageType<T>): { message: T; raw: Uint8Array } {
    const word = this.take(4, 'the size of an entry');
    const size = new DataView(word.buffer, word.byteOffset, 4).getUint32(0, this.littleEndian);
    const raw = this.take(size, 'an entry');
    try {
      return { message: decodeMessage(type, raw), raw };
    } catch (error) {
      if (!isCoded(error)) throw error;
      throw new CodedError('corrupt', `${this.#name}: ${error.message}`, { cause: error, data: error.data });
    }
  }

  broken(found: string): CodedError {
    const message = `${this.#name}: cut off or damaged: at byte ${this.#at} ${found}`;
    return new CodedError('corrupt', message, { data: { offset: this.#at, file: this.#name } });
  }
}
