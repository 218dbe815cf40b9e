import { plainName } from '../archive/member-name.ts';
import { strictTextOf } from '../bytes/text.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { checkLayerCount } from './checkpoint-layer.ts';
import { documentLimit } from './descriptor.ts';
import { dockerManifestFile } from './layout-names.ts';

interface DockerImage {
  /** `localhost/ck:1`. */
  tags: readonly string[];
  /** Members of the archive, the lowest first. */
  layers: readonly string[];
}

/**
 * The layers of an image in a Docker archive, as `docker save` and `podman save` write one by default: members of the
 * archive, the lowest first.
 * @param image one of the image's names, needed where the archive holds several images.
 * @throws CodedError `corrupt` when its list of images is none, `not-found` when it lacks the image.
 */
export async function dockerArchiveLayers(
  archive: Checkpoint,
  image?: string,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const bytes = await archive.read(dockerManifestFile, { limit: documentLimit, signal });
  const images = imagesIn(archive.origin, bytes);
  const found = image === undefined ? images : images.filter(({ tags }) => tags.includes(image));
  const [first, ...more] = found;
  if (first && more.length === 0) {
    checkLayerCount(archive.origin, first.layers.length);
    return first.layers;
  }
  const names = images.map(({ tags }, at) => tags[0] ?? `number ${at + 1}, without a name`).join(', ');
  if (!first) {
    throw new CodedError(
      'not-found',
      `${archive.origin} has no image ${image ?? ''}; it has ${names || 'none at all'}`,
    );
  }
  throw new CodedError('invalid-argument', `${archive.origin} has several images: ${names}`, {
    hint: 'say which one',
  });
}

function imagesIn(origin: string, bytes: Uint8Array): DockerImage[] {
  const refuse = (found: string, cause?: unknown): CodedError =>
    new CodedError('corrupt', `${origin}: ${dockerManifestFile} of a Docker archive ${found}`, { cause });
  let list: unknown;
  try {
    list = JSON.parse(strictTextOf(bytes) ?? '');
  } catch (error) {
    throw refuse(`is not JSON: ${messageOf(error)}`, error);
  }
  if (!Array.isArray(list)) throw refuse('is no list of images');
  return list.map((one) => {
    const { RepoTags: tags, Layers: layers } = (one ?? {}) as Record<string, unknown>;
    if (!isTexts(layers)) throw refuse('has an image without a list of layers');
    return { tags: isTexts(tags) ? tags : [], layers: layers.map(plainName) };
  });
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
