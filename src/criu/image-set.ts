import type { ByteSource } from '../bytes/byte-source.ts';
import type { MessageType } from '../bytes/proto2-schema.ts';
import { CodedError } from '../errors/coded-error.ts';
import { decodeImage, type Image } from './image.ts';

/** Where images come from: one folder of files, by name (`pstree.img`). */
export interface ImageFiles {
  /** The names of all files, in any order. */
  names(): Promise<readonly string[]>;
  /** A file to be closed by whoever asked, or undefined where there is none of this name. */
  open(name: string): Promise<ByteSource | undefined>;
  /** The images of the dump before, which hold the pages that did not change since. */
  parent?(): Promise<ImageFiles | undefined>;
}

export interface ImageSetLimits {
  /** Longest image that is decoded as a whole, in bytes; pages are never read so. */
  maxImageSize: number;
  /** Most entries in one image. */
  maxEntries: number;
}

const defaultLimits: ImageSetLimits = { maxImageSize: 256 << 20, maxEntries: 250_000 };

/** The images of one dump, decoded when asked for and then kept. */
export class ImageSet {
  readonly files: ImageFiles;
  readonly limits: ImageSetLimits;
  readonly #images = new Map<string, Promise<Image | undefined>>();

  constructor(files: ImageFiles, limits: Partial<ImageSetLimits> = {}) {
    this.files = files;
    this.limits = { ...defaultLimits, ...limits };
  }

  /** The bytes of a file, or undefined where there is none. @throws CodedError `resource-exhausted` */
  async bytes(name: string): Promise<Uint8Array | undefined> {
    const source = await this.files.open(name);
    if (!source) return undefined;
    try {
      if (source.size > this.limits.maxImageSize) {
        const message = `${name} has ${source.size} bytes, more than the ${this.limits.maxImageSize} allowed`;
        throw new CodedError('resource-exhausted', message, { data: { file: name, size: source.size } });
      }
      return await source.read(0, source.size);
    } finally {
      await source.close();
    }
  }

  /** The image in a file, or undefined where there is none. @throws CodedError as `decodeImage` does */
  image(name: string): Promise<Image | undefined> {
    const known = this.#images.get(name);
    if (known) return known;
    const image = this.bytes(name).then((bytes) => bytes && decodeImage(bytes, name, this.limits));
    this.#images.set(name, image);
    return image;
  }

  /**
   * The messages of a file, none where there is no such file.
   * @throws CodedError `corrupt` when the file holds messages of another type.
   */
  async messages<T>(name: string, type: MessageType<T>): Promise<T[]> {
    return (await this.entries(name, type)).map((entry) => entry.message as T);
  }

  /** The same with what follows each message. @throws CodedError `corrupt` as there */
  async entries<T>(name: string, type: MessageType<T>): Promise<Image['entries']> {
    const image = await this.image(name);
    if (!image) return [];
    if (image.kind.message !== type) {
      throw new CodedError('corrupt', `${name} is not what its name says: it holds ${image.kind.name}`);
    }
    return image.entries;
  }

  /** The first message of a file, or undefined where there is no such file or nothing in it. */
  async message<T>(name: string, type: MessageType<T>): Promise<T | undefined> {
    return (await this.messages(name, type))[0];
  }
}
