import { quoted } from '../checkpointmanager/errors.ts';
import { allContainers, type Container, type DownwardFile, type Pod, type ResourceRef } from './pod.ts';
import { parseQuantity } from './quantity.ts';

/** What a pod may be told of where it runs; an address that is not known is empty. */
export interface PodPlace {
  nodeName: string;
  hostIP: string;
  podIP: string;
  capacity: Capacity;
}

/** What the node has: cores, and bytes of memory. It stands for limits that a container has not. */
export interface Capacity {
  cpu: number;
  memory: number;
}

/** What of the pod itself a variable may tell, besides single labels and annotations. */
export const variableFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'status.podIP',
  'status.podIPs',
  'status.hostIP',
  'status.hostIPs',
] as const;

/** The same of a file. */
export const fileFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'metadata.labels',
  'metadata.annotations',
] as const;

const keyed = /^metadata\.(labels|annotations)\['([^']{1,317})'\]$/;

/** Whether a path names a single label or annotation. */
export function isKeyedField(path: string): boolean {
  return keyed.test(path);
}

/** Whether it tells the address of the pod. */
export function tellsAddress(path: string): boolean {
  return path === 'status.podIP' || path === 'status.podIPs';
}

/** What a field of the pod says; nothing where it is not there. */
export function fieldText({ metadata }: Pod, path: string, place: PodPlace): string {
  const [, kind, key = ''] = keyed.exec(path) ?? [];
  if (kind) return (kind === 'labels' ? metadata.labels : metadata.annotations)?.[key] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace;
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return linesOf(metadata.labels);
    case 'metadata.annotations':
      return linesOf(metadata.annotations);
    case 'spec.nodeName':
      return place.nodeName;
    case 'status.podIP':
    case 'status.podIPs':
      return place.podIP;
    case 'status.hostIP':
    case 'status.hostIPs':
      return place.hostIP;
    default:
      return '';
  }
}

/** One line for each, as the kubelet writes them: `key="value"`, by key. */
function linesOf(map: Readonly<Record<string, string>> = {}): string {
  const keys = Object.keys(map).sort();
  return keys.map((key) => `${key}=${quoted(map[key] ?? '')}`).join('\n');
}

export const resourceKinds = ['limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory'] as const;

/** By which amounts may be divided. */
export const divisors: Readonly<Record<'cpu' | 'memory', readonly string[]>> = {
  cpu: ['0', '1', '1m'],
  memory: ['0', '1', ...'k M G T P E Ki Mi Gi Ti Pi Ei'.split(' ').map((unit) => `1${unit}`)],
};

/**
 * What a container may use or asks for, in whole multiples of the divisor, rounded up. A limit that is not there is
 * what the node has; what is not asked for is what is limited, or nothing.
 */
export function resourceText(
  pod: Pod,
  own: Container | undefined,
  ref: ResourceRef,
  capacity: Capacity,
): string {
  const container = ref.containerName
    ? allContainers(pod).find(({ name }) => name === ref.containerName)
    : own;
  const [kind, name] = ref.resource.split('.') as ['limits' | 'requests', 'cpu' | 'memory'];
  const { limits = {}, requests = {} } = container?.resources ?? {};
  const absent = kind === 'limits' ? capacity[name] : 0;
  const text = kind === 'limits' ? limits[name] : (requests[name] ?? limits[name]);
  const amount = text === undefined ? absent : (parseQuantity(text) ?? 0);
  const wanted = ref.divisor === undefined ? 1 : (parseQuantity(ref.divisor) ?? 1);
  const divisor = wanted === 0 ? 1 : wanted;
  // Of CPUs thousandths are counted, of memory bytes.
  const parts = name === 'cpu' ? 1000 : 1;
  const units = (value: number) => Math.ceil(Number((value * parts).toFixed(3)));
  return String(Math.ceil(units(amount) / units(divisor)));
}

/** A file of a volume that tells of the pod. */
export function downwardText(
  pod: Pod,
  { fieldRef, resourceFieldRef }: DownwardFile,
  place: PodPlace,
): string {
  if (fieldRef) return fieldText(pod, fieldRef.fieldPath, place);
  return resourceFieldRef ? resourceText(pod, undefined, resourceFieldRef, place.capacity) : '';
}
