import { mostMembers } from '../api/archive-shapes.ts';
import { type Field, flag, integer, listOf, mapOf, matching, nullOr, object, oneOf } from '../pods/schema.ts';

/** What bodies of requests about archives have to be. */

const word = matching(/^[^\0]+$/, 4096, 'a text of at most 4096 characters');
const image = matching(/^[^\0\s]+$/, 1000, 'the name of an image');

function someOf<T>(list: Field<T[]>): Field<T[]> {
  return (value, path, reading) => {
    const read = list(value, path, reading);
    return read?.length === 0 ? reading.refuse(path, 'names none') : read;
  };
}

export const membersRequest = object(
  { members: someOf(listOf(word, mostMembers)), container: word, in: word, rootfs: flag },
  ['members'],
);

export const convertRequest = object(
  {
    to: oneOf('containerd', 'cri-o', 'podman', 'stasis'),
    container: word,
    runtime: oneOf('crun', 'runc'),
    image,
    imageId: matching(/^(?:sha256:)?[0-9a-f]{64}$/, 71, '64 hexadecimal digits'),
    name: matching(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 253, 'the name of a container'),
    pod: flag,
    mounts: mapOf(matching(/^\/[^\0]*$/, 4096, 'an absolute path')),
    compress: oneOf('none', 'gzip', 'zstd'),
  },
  ['to'],
);

export const editRequest = object({
  ports: mapOf(integer(1, 65535)),
  annotations: mapOf(nullOr(matching(/^[^\0]*$/, 65536, 'a text'))),
  image,
});
