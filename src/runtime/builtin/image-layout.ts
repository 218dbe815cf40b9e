import { CodedError } from '../../errors/coded-error.ts';
import { blobName, type ImageFiles, readDescription } from './image-blobs.ts';
import { type ImageConfig, imageConfigOf } from './image-record.ts';
import { fullName, withoutTag } from './image-reference.ts';

/** One image found in a layout or archive, its layers not yet read. */
export interface FoundImage {
  /** `sha256:…` of the configuration. */
  id: string;
  tags: string[];
  digests: string[];
  config: ImageConfig;
  /** The lowest first. */
  layers: FoundLayer[];
}

export interface FoundLayer {
  /** Name of the file. */
  file: string;
  /** Of the file as it lies there; Docker's archives do not say. */
  digest?: string;
  /** Of the tar in it. */
  diffId: string;
}

type Raw = Record<string, unknown>;

/** How many indexes may refer to one another. */
const deepestIndex = 4;
const mostImages = 256;

/** Every image for this machine in an OCI layout or in what `docker save` writes. */
export async function findImages(files: ImageFiles): Promise<FoundImage[]> {
  const layout = await files.open('index.json');
  await layout?.close();
  if (layout !== undefined) {
    const { value } = await readDescription(files, 'index.json');
    return readIndex(files, value, deepestIndex);
  }
  const saved = await files.open('manifest.json');
  await saved?.close();
  if (saved !== undefined) return readSaved(files);
  throw new CodedError('corrupt', 'reading an image: it has neither index.json nor manifest.json');
}

async function readIndex(files: ImageFiles, index: Raw, depth: number): Promise<FoundImage[]> {
  const found: FoundImage[] = [];
  for (const each of objects(index, 'manifests').filter(forThisMachine).slice(0, mostImages)) {
    const blob = blobName(each['digest']);
    const { value, digest } = await readDescription(files, blob, each['digest'] as string);
    if (Array.isArray(value['manifests'])) {
      if (depth === 0) throw new CodedError('corrupt', 'reading an image: its indexes go too deep');
      const names = namesOf(each);
      for (const inner of await readIndex(files, value, depth - 1)) {
        found.push({ ...inner, tags: [...names, ...inner.tags] });
      }
    } else found.push(await readManifest(files, value, digest, namesOf(each)));
  }
  return found;
}

async function readManifest(
  files: ImageFiles,
  manifest: Raw,
  digest: string,
  tags: string[],
): Promise<FoundImage> {
  const { digest: id } = manifest['config'] as Raw;
  const { value } = await readDescription(files, blobName(id), id as string);
  const diffIds = diffIdsOf(value);
  const layers = objects(manifest, 'layers');
  if (layers.length !== diffIds.length) {
    throw new CodedError('corrupt', `reading an image: ${layers.length} layers, ${diffIds.length} diff ids`);
  }
  return {
    id: id as string,
    tags,
    digests: [...new Set(tags.map((tag) => `${withoutTag(tag)}@${digest}`))],
    config: imageConfigOf(value['config']),
    layers: layers.map((layer, at) => ({
      file: blobName(layer['digest']),
      digest: layer['digest'] as string,
      diffId: diffIds[at] as string,
    })),
  };
}

async function readSaved(files: ImageFiles): Promise<FoundImage[]> {
  const { value: list } = await readDescription(files, 'manifest.json');
  const found: FoundImage[] = [];
  for (const each of objects({ list }, 'list').slice(0, mostImages)) {
    const { value, digest: id } = await readDescription(files, String(each['Config']));
    const diffIds = diffIdsOf(value);
    const names = each['Layers'];
    if (!Array.isArray(names) || names.length !== diffIds.length) {
      throw new CodedError('corrupt', 'reading an image: its layers and diff ids do not match');
    }
    const tags = Array.isArray(each['RepoTags']) ? each['RepoTags'].map(String) : [];
    found.push({
      id,
      tags: tags.flatMap((tag) => fullName(tag) ?? []),
      digests: [],
      config: imageConfigOf(value['config']),
      layers: names.map((file, at) => ({ file: String(file), diffId: diffIds[at] as string })),
    });
  }
  return found;
}

function diffIdsOf(config: Raw): string[] {
  const ids = (config['rootfs'] as Raw | undefined)?.['diff_ids'];
  if (Array.isArray(ids) && ids.every((id) => typeof id === 'string' && /^sha256:[0-9a-f]{64}$/.test(id))) {
    return ids as string[];
  }
  throw new CodedError('corrupt', 'reading an image: its configuration has no proper rootfs.diff_ids');
}

/** Names that tools leave beside a manifest; a bare tag says nothing of the repository. */
function namesOf(descriptor: Raw): string[] {
  const notes = (descriptor['annotations'] ?? {}) as Raw;
  const given = [notes['io.containerd.image.name'], notes['org.opencontainers.image.ref.name']];
  const named = given.filter((name): name is string => typeof name === 'string' && /[/:]/.test(name));
  return [...new Set(named.flatMap((name) => fullName(name) ?? []))];
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

function forThisMachine(descriptor: Raw): boolean {
  const platform = descriptor['platform'] as Raw | undefined;
  if (platform === undefined) return true;
  const own = architectures[process.arch] ?? process.arch;
  return platform['os'] === 'linux' && platform['architecture'] === own;
}

function objects(raw: Raw, key: string): Raw[] {
  const list = raw[key];
  if (Array.isArray(list) && list.every((each) => typeof each === 'object' && each !== null)) {
    return list as Raw[];
  }
  throw new CodedError('corrupt', `reading an image: ${key} is not a list of objects`);
}
