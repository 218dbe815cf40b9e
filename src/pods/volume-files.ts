import { Buffer } from 'node:buffer';
import type { VolumeFile } from './config-volume.ts';
import type { ConfigObject } from './configuration.ts';
import { downwardText, type PodPlace } from './downward.ts';
import type { DownwardSource, FilesSource, Pod, ProjectedSource, Volume } from './pod.ts';

/** The kubelet's mode of a file where nobody names one: what is in a Secret is its readers' alone by then. */
const usualMode = 0o644;

/** The files that a volume has of ConfigMaps, Secrets and the pod itself; undefined for one that is the pod's own. */
export function volumeFiles(
  pod: Pod,
  { configMap, secret, downwardAPI, projected }: Volume,
  configuration: readonly ConfigObject[],
  place: PodPlace,
): VolumeFile[] | undefined {
  const find = (kind: ConfigObject['kind'], name: string) =>
    configuration.find((item) => item.kind === kind && item.name === name);
  if (configMap) return filesOf(configMap, find('ConfigMap', configMap.name));
  if (secret) return filesOf(secret, find('Secret', secret.secretName));
  if (downwardAPI) return downwardFiles(pod, downwardAPI, downwardAPI.defaultMode, place);
  if (!projected) return undefined;
  const { defaultMode } = projected;
  const filesIn = ({ configMap: map, secret: hidden, downwardAPI: own }: ProjectedSource): VolumeFile[] => {
    if (map)
      return filesOf(
        { ...map, ...(defaultMode === undefined ? {} : { defaultMode }) },
        find('ConfigMap', map.name),
      );
    if (hidden)
      return filesOf(
        { ...hidden, ...(defaultMode === undefined ? {} : { defaultMode }) },
        find('Secret', hidden.name),
      );
    return own ? downwardFiles(pod, own, defaultMode, place) : [];
  };
  // As with the kubelet, of two files with one name the later counts.
  const files = (projected.sources ?? []).flatMap(filesIn);
  return [...new Map(files.map((file) => [file.path, file])).values()];
}

/** None of a ConfigMap or Secret that is optional and not there. */
export function filesOf(source: FilesSource, object: ConfigObject | undefined): VolumeFile[] {
  if (!object) return [];
  const mode = source.defaultMode ?? usualMode;
  const file = (key: string, path: string, own?: number): VolumeFile[] => {
    const content = Object.hasOwn(object.data, key) ? object.data[key] : undefined;
    return content === undefined
      ? []
      : [{ path, content: Buffer.from(content, 'base64'), mode: own ?? mode }];
  };
  if (!source.items) return Object.keys(object.data).flatMap((key) => file(key, key));
  return source.items.flatMap((item) => file(item.key, item.path, item.mode));
}

function downwardFiles(
  pod: Pod,
  { items = [] }: DownwardSource,
  mode: number | undefined,
  place: PodPlace,
): VolumeFile[] {
  return items.map((item) => ({
    path: item.path,
    content: Buffer.from(downwardText(pod, item, place)),
    mode: item.mode ?? mode ?? usualMode,
  }));
}
