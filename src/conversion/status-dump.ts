import type { Json, JsonObject } from '../bytes/go-json.ts';
import { containerName, imageName } from './annotations.ts';
import type { ConversionOptions } from './conversion.ts';
import type { ConversionSource } from './source.ts';

/** CRI's CONTAINER_RUNNING. */
const running = 1;

/** `status.dump`, from which containerd takes labels, annotations and the image's name at a restore. */
export function targetStatus(source: ConversionSource, options: ConversionOptions): JsonObject {
  const { identity, status, labels } = source;
  const name = containerName(source, options);
  const image = imageName(source, options);
  const created = nanoseconds(identity.created);
  const known = new Map<string, Json>(status ?? []);
  const { pod, namespace, podUid } = identity;
  const said: readonly (readonly [string, string])[] = [
    ['io.kubernetes.container.name', name],
    ['io.kubernetes.pod.name', pod],
    ['io.kubernetes.pod.namespace', namespace],
    ['io.kubernetes.pod.uid', podUid],
  ];
  const members: readonly (readonly [string, Json])[] = [
    ['id', identity.id],
    ['metadata', new Map([['name', name]])],
    ['state', running],
    ['created_at', known.get('created_at') ?? created],
    ['started_at', known.get('started_at') ?? created],
    ['image', new Map([['image', image]])],
    ['image_ref', options.image ?? identity.imageRef],
    ['labels', new Map([...labels, ...said.filter(([, value]) => value !== '')])],
    ['annotations', known.get('annotations') ?? new Map()],
  ];
  return new Map([...known, ...members]);
}

/** Since 1970, of a time as Go prints it. */
function nanoseconds(time: string): bigint {
  const milliseconds = Date.parse(time);
  return milliseconds > 0 ? BigInt(milliseconds) * 1_000_000n : 0n;
}
