import { createHash, randomInt } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { streamTar } from '../../archive/tar-stream.ts';
import { type ByteSource, readChunks } from '../../bytes/byte-source.ts';
import { CodedError, messageOf } from '../../errors/coded-error.ts';
import { privateDirectory, syncDirectory, writeFileAtomic } from '../../localfs/atomic-file.ts';
import { makeDirectories } from '../../localfs/make-directories.ts';
import { Digest, decompressed, type ImageFiles, openImageFiles } from './image-blobs.ts';
import { type FoundImage, type FoundLayer, findImages } from './image-layout.ts';
import { emptyConfig, type ImageRecord } from './image-record.ts';
import { fullName, type LocalImage, parseLocalImage } from './image-reference.ts';
import { unpackLayer } from './layer-unpack.ts';
import type { RuntimePaths } from './paths.ts';
import type { ContainerImage } from './records.ts';

/** The images of this machine: records in `images/`, each layer once in `layers/`. */
export class ImageStore {
  readonly #images: string;
  readonly #layers: string;
  readonly #log: (line: string) => void;
  readonly #records = new Map<string, ImageRecord>();

  private constructor(paths: RuntimePaths, log: (line: string) => void) {
    this.#images = join(paths.root, 'images');
    this.#layers = join(paths.root, 'layers');
    this.#log = log;
  }

  static async open(paths: RuntimePaths, log: (line: string) => void): Promise<ImageStore> {
    const store = new ImageStore(paths, log);
    await makeDirectories(store.#images, privateDirectory);
    await makeDirectories(store.#layers, privateDirectory);
    // A name with a dot in front is what a killed process had not finished.
    for (const name of await readdir(store.#layers)) {
      if (name.startsWith('.')) await rm(join(store.#layers, name), { recursive: true, force: true });
    }
    for (const name of await readdir(store.#images)) await store.#load(name);
    return store;
  }

  async #load(name: string): Promise<void> {
    const path = join(this.#images, name);
    if (!/^[0-9a-f]{64}\.json$/.test(name)) return rm(path, { force: true });
    try {
      const record = JSON.parse(await readFile(path, 'utf8')) as ImageRecord;
      if (record.version !== 1) throw new CodedError('unsupported', `version ${record.version}`);
      this.#records.set(record.id, record);
    } catch (error) {
      this.#log(`the image record ${path} cannot be read and is left alone: ${messageOf(error)}`);
    }
  }

  all(): ImageRecord[] {
    return [...this.#records.values()];
  }

  /** By id (or its beginning), full or short name, digest, or the place it was taken from. */
  find(reference: string): ImageRecord | undefined {
    const hex = reference.replace(/^sha256:/, '');
    if (/^[0-9a-f]{12,64}$/.test(hex)) {
      const fitting = this.all().filter((image) => image.id.startsWith(`sha256:${hex}`));
      if (fitting.length === 1) return fitting[0];
    }
    const name = parseLocalImage(reference) ? reference : fullName(reference);
    if (name === undefined) return undefined;
    return this.all().find((image) => image.tags.includes(name) || image.digests.includes(name));
  }

  /** @throws CodedError `not-found`, with the way to bring the image here. */
  resolve(reference: string): ContainerImage {
    const record = this.find(reference);
    if (record === undefined) throw notHere(reference);
    const { id, layers, digests } = record;
    return { id, name: reference, ref: digests[0] ?? id, layers };
  }

  /**
   * Takes an image over from where `reference` says it lies on this machine; one that is here is fine.
   * @throws CodedError `not-found` for a name in a registry: there is none here to ask.
   */
  async pull(reference: string, signal?: AbortSignal): Promise<ImageRecord> {
    const place = parseLocalImage(reference);
    if (place === undefined) {
      const here = this.find(reference);
      if (here !== undefined) return here;
      throw notHere(reference);
    }
    if (place.transport === 'rootdir') return this.#adoptFolder(reference, place);
    const scratch = join(this.#layers, `.archive-${randomInt(2 ** 47)}`);
    const files = await openImageFiles(place.path, scratch);
    try {
      const found = await findImages(files);
      const [first] = found;
      if (first === undefined)
        throw new CodedError('not-found', `${place.path} holds no image for this machine`);
      const records = [];
      for (const image of found) {
        const names = found.length === 1 ? [reference] : [];
        records.push(await this.#import(files, image, names, signal));
      }
      return records[0] as ImageRecord;
    } finally {
      await files.close();
    }
  }

  async #adoptFolder(reference: string, place: LocalImage): Promise<ImageRecord> {
    const folder = await realpath(place.path).catch((cause: unknown) => {
      throw new CodedError('not-found', `the folder ${place.path} does not exist`, { cause });
    });
    if (!(await stat(folder)).isDirectory()) {
      throw new CodedError('invalid-argument', `${place.path} is not a folder`);
    }
    const id = `sha256:${createHash('sha256').update(`rootdir:${folder}`).digest('hex')}`;
    const tags = [...new Set([reference, ...(this.#records.get(id)?.tags ?? [])])];
    // Its size is not ours to count: it is a folder in use. The interface wants more than nothing.
    const record: ImageRecord = {
      ...{ version: 1, id, tags, digests: [], size: 1, layers: [folder] },
      ...{ config: emptyConfig, rootdir: folder },
    };
    await this.#save(record);
    return record;
  }

  async #import(
    files: ImageFiles,
    image: FoundImage,
    names: readonly string[],
    signal?: AbortSignal,
  ): Promise<ImageRecord> {
    const layers: string[] = [];
    let chain = '';
    for (const layer of image.layers) {
      chain = chain === '' ? layer.diffId : sha256(`${chain} ${layer.diffId}`);
      layers.unshift(await this.#importLayer(files, layer, chain, layers, signal));
    }
    const before = this.#records.get(image.id);
    const record: ImageRecord = {
      version: 1,
      id: image.id,
      tags: [...new Set([...names, ...image.tags, ...(before?.tags ?? [])])],
      digests: [...new Set([...image.digests, ...(before?.digests ?? [])])],
      size: Math.max(1, await this.#sizeOf(layers)),
      layers,
      config: image.config,
    };
    await this.#takeNames(record);
    await this.#save(record);
    return record;
  }

  /** A layer is named by all that is below it too, because what it hides depends on that. */
  async #importLayer(
    files: ImageFiles,
    layer: FoundLayer,
    chain: string,
    below: readonly string[],
    signal?: AbortSignal,
  ): Promise<string> {
    const name = chain.slice('sha256:'.length, 'sha256:'.length + 40);
    const folder = join(this.#layers, name);
    if (await stat(join(this.#layers, `${name}.json`)).catch(() => undefined)) return folder;
    const temporary = join(this.#layers, `.${randomInt(2 ** 47)}`);
    const source = await files.open(layer.file);
    if (source === undefined) throw new CodedError('corrupt', `reading an image: ${layer.file} is missing`);
    try {
      await mkdir(temporary, { mode: 0o755 });
      const bytes = await this.#unpackChecked(source, layer, { folder: temporary, below }, signal);
      await rm(folder, { recursive: true, force: true });
      await rename(temporary, folder);
      await syncDirectory(this.#layers);
      await writeFileAtomic(join(this.#layers, `${name}.json`), json({ version: 1, bytes }));
      return folder;
    } finally {
      await source.close();
      await rm(temporary, { recursive: true, force: true });
    }
  }

  async #unpackChecked(
    source: ByteSource,
    layer: FoundLayer,
    target: { folder: string; below: readonly string[] },
    signal?: AbortSignal,
  ): Promise<number> {
    if (layer.digest !== undefined) await checkDigest(source, layer.digest, layer.file, signal);
    const plain = new Digest();
    const pieces = plain.watch(decompressed(source, signal));
    // Without a way to end it early: what follows the end mark counts for the digest too.
    const whole = { [Symbol.asyncIterator]: () => ({ next: () => pieces.next() }) };
    const done = await unpackLayer(streamTar(whole), target);
    for await (const _rest of pieces);
    const found = plain.value();
    if (found !== layer.diffId) {
      throw new CodedError(
        'corrupt',
        `reading an image: ${layer.file} unpacks to ${found}, not ${layer.diffId}`,
      );
    }
    for (const note of done.notes) this.#log(`layer ${layer.diffId}: ${note}`);
    return done.bytes;
  }

  /** A name belongs to one image: the one that came last. */
  async #takeNames(record: ImageRecord): Promise<void> {
    for (const other of this.all()) {
      const kept = other.tags.filter((tag) => !record.tags.includes(tag));
      if (other.id === record.id || kept.length === other.tags.length) continue;
      await this.#save({ ...other, tags: kept });
    }
  }

  async #save(record: ImageRecord): Promise<void> {
    await writeFileAtomic(join(this.#images, `${record.id.slice(7)}.json`), json(record));
    this.#records.set(record.id, record);
  }

  async #sizeOf(layers: readonly string[]): Promise<number> {
    let total = 0;
    for (const layer of layers) {
      const { bytes } = JSON.parse(await readFile(`${layer}.json`, 'utf8')) as { bytes: number };
      total += bytes;
    }
    return total;
  }

  /**
   * Forgets an image and the layers that no other one has. One that is not here is no error.
   * @param inUse layers that containers stand on.
   * @throws CodedError `failed-precondition` when a container uses it.
   */
  async remove(reference: string, inUse: ReadonlySet<string>): Promise<void> {
    const record = this.find(reference);
    if (record === undefined) return;
    if (record.layers.some((layer) => inUse.has(layer))) {
      throw new CodedError('failed-precondition', `image ${reference} is in use by a container`);
    }
    await rm(join(this.#images, `${record.id.slice(7)}.json`), { force: true });
    this.#records.delete(record.id);
    const kept = new Set(this.all().flatMap((image) => image.layers));
    for (const layer of record.layers) {
      if (record.rootdir !== undefined || kept.has(layer)) continue;
      await rm(`${layer}.json`, { force: true });
      await rm(layer, { recursive: true, force: true });
    }
  }

  /** The folder that images take room in. */
  get folder(): string {
    return this.#layers;
  }
}

async function checkDigest(source: ByteSource, digest: string, name: string, signal?: AbortSignal) {
  const hash = createHash('sha256');
  for await (const piece of readChunks(source, 1 << 20, signal)) hash.update(piece);
  const found = `sha256:${hash.digest('hex')}`;
  if (found === digest) return;
  throw new CodedError('corrupt', `reading an image: ${name} has the digest ${found}, not ${digest}`);
}

function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`);
}

function notHere(reference: string): CodedError {
  return new CodedError('not-found', `image ${JSON.stringify(reference)} is not on this machine`, {
    hint: 'the built-in runtime asks no registry: pull oci:/path, docker-archive:/path or rootdir:/path',
  });
}
