import type { ServiceImpl } from '@connectrpc/connect';
import { CodedError } from '../../errors/coded-error.ts';
import type { ImageFilter, ImageService } from '../../gen/cri/v1/api_pb.ts';
import { imageAnswer } from './answers.ts';
import { folderUsage } from './container-stats.ts';
import { withStatuses } from './grpc-error.ts';
import type { ImageRecord } from './image-record.ts';
import { type Machine, now } from './machine.ts';

type Methods = ServiceImpl<typeof ImageService>;
type Unary = Omit<Methods, 'streamImages'>;

/** The interface's image service over this machine's store. */
export function imageService(machine: Machine): Methods {
  const { images, queue } = machine;
  const inUse = (): Set<string> => new Set(machine.containers.all().flatMap(({ image }) => image.layers));
  const matching = (filter: ImageFilter | undefined): ImageRecord[] => {
    const wanted = filter?.image?.image ?? '';
    return wanted === '' ? images.all() : [images.find(wanted)].filter((each) => each !== undefined);
  };
  const unary = withStatuses({
    async listImages({ filter }) {
      return { images: matching(filter).map(imageAnswer) };
    },
    async imageStatus({ image, verbose }) {
      const found = images.find(named(image?.image));
      if (found === undefined) return {};
      return {
        image: imageAnswer(found),
        ...(verbose && { info: { info: JSON.stringify({ config: found.config, layers: found.layers }) } }),
      };
    },
    async pullImage({ image }, context) {
      const reference = named(image?.image);
      const record = await queue.run('images', () => images.pull(reference, context.signal));
      return { imageRef: record.digests[0] ?? record.id };
    },
    async removeImage({ image }) {
      await queue.run('images', () => images.remove(named(image?.image), inUse()));
      return {};
    },
    async imageFsInfo() {
      const { bytes, files } = await folderUsage(images.folder);
      return {
        imageFilesystems: [
          {
            timestamp: now(),
            fsId: { mountpoint: images.folder },
            usedBytes: { value: bytes },
            inodesUsed: { value: files },
          },
        ],
      };
    },
  } satisfies Unary);
  return {
    ...unary,
    async *streamImages({ filter }) {
      for (const record of matching(filter)) yield { image: imageAnswer(record) };
    },
  };
}

function named(reference: string | undefined): string {
  if (reference) return reference;
  throw new CodedError('invalid-argument', 'no image is named');
}
