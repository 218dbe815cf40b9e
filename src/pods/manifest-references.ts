import { divisors } from './downward.ts';
import type { podFields } from './manifest-fields.ts';
import { type Container, type DownwardFile, isSidecar, type Probe, type ResourceRef } from './pod.ts';
import type { Reading } from './schema.ts';

type Spec = NonNullable<ReturnType<typeof podFields>>['spec'];
type Volumes = NonNullable<Spec['volumes']>;

/** Refuses what names something that is not there, is there twice, or contradicts itself. */
export function checkReferences(spec: Spec, reading: Reading): void {
  if (spec.containers.length === 0) reading.refuse('spec.containers', 'is empty');
  const everyone = new Set([...(spec.initContainers ?? []), ...spec.containers].map(({ name }) => name));
  const volumes = checkVolumes(spec.volumes ?? [], everyone, reading);
  const names = new Set<string>();
  const check = (list: readonly Container[], at: string, init: boolean) => {
    list.forEach((item, index) => {
      const path = `${at}[${index}]`;
      if (names.has(item.name)) reading.refuse(`${path}.name`, `"${item.name}" is there twice`);
      names.add(item.name);
      item.volumeMounts?.forEach((mount, place) => {
        if (volumes.has(mount.name)) return;
        reading.refuse(`${path}.volumeMounts[${place}].name`, `"${mount.name}" is no volume of the pod`);
      });
      checkEnvironment(item, path, everyone, reading);
      checkProbes(item, path, init && !isSidecar(item), reading);
    });
  };
  check((spec.initContainers ?? []) as Container[], 'spec.initContainers', true);
  check(spec.containers as Container[], 'spec.containers', false);
}

const volumeKinds = ['hostPath', 'emptyDir', 'configMap', 'secret', 'downwardAPI', 'projected'] as const;
const sourceKinds = ['configMap', 'secret', 'downwardAPI'] as const;

function checkVolumes(list: Volumes, containers: ReadonlySet<string>, reading: Reading): Set<string> {
  const volumes = new Set<string>();
  list.forEach((item, index) => {
    const at = `spec.volumes[${index}]`;
    if (volumes.has(item.name)) reading.refuse(`${at}.name`, `"${item.name}" is there twice`);
    if (volumeKinds.filter((kind) => item[kind] !== undefined).length !== 1) {
      reading.refuse(at, `is not exactly one of ${volumeKinds.join(', ')}`);
    }
    if (item.emptyDir?.sizeLimit !== undefined && item.emptyDir.medium !== 'Memory') {
      reading.refuse(
        `${at}.emptyDir.sizeLimit`,
        'is not supported here without medium: Memory, nothing limits a folder on disk',
      );
    }
    checkDownward(item.downwardAPI?.items, `${at}.downwardAPI`, containers, reading);
    item.projected?.sources?.forEach((source, place) => {
      const where = `${at}.projected.sources[${place}]`;
      if (sourceKinds.filter((kind) => source[kind] !== undefined).length !== 1) {
        reading.refuse(where, `is not exactly one of ${sourceKinds.join(', ')}`);
      }
      checkDownward(source.downwardAPI?.items, `${where}.downwardAPI`, containers, reading);
    });
    checkPaths(item, at, reading);
    volumes.add(item.name);
  });
  return volumes;
}

function checkDownward(
  items: readonly DownwardFile[] | undefined,
  at: string,
  containers: ReadonlySet<string>,
  reading: Reading,
): void {
  items?.forEach(({ fieldRef, resourceFieldRef }, place) => {
    const path = `${at}.items[${place}]`;
    if ((fieldRef === undefined) === (resourceFieldRef === undefined)) {
      reading.refuse(path, 'is not exactly one of fieldRef, resourceFieldRef');
    }
    checkResource(resourceFieldRef, `${path}.resourceFieldRef`, containers, reading);
  });
}

function checkResource(
  ref: ResourceRef | undefined,
  at: string,
  containers: ReadonlySet<string>,
  reading: Reading,
): void {
  if (!ref) return;
  if (ref.containerName !== undefined && !containers.has(ref.containerName)) {
    reading.refuse(`${at}.containerName`, `"${ref.containerName}" is no container of the pod`);
  }
  const known = divisors[ref.resource.endsWith('cpu') ? 'cpu' : 'memory'];
  if (ref.divisor !== undefined && !known.includes(ref.divisor)) {
    reading.refuse(`${at}.divisor`, `is "${ref.divisor}", known here: ${known.join(', ')}`);
  }
}

/** Two files cannot have one name. */
function checkPaths({ downwardAPI, projected }: Volumes[number], at: string, reading: Reading): void {
  const sources = projected?.sources ?? [];
  const items = [
    downwardAPI,
    ...sources.flatMap(({ configMap, secret, downwardAPI: own }) => [configMap, secret, own]),
  ];
  const seen = new Set<string>();
  for (const { path } of items.flatMap((source): readonly { path: string }[] => source?.items ?? [])) {
    if (seen.has(path)) reading.refuse(at, `has two files called "${path}"`);
    seen.add(path);
  }
}

function checkEnvironment(
  item: Container,
  path: string,
  containers: ReadonlySet<string>,
  reading: Reading,
): void {
  item.env?.forEach(({ value, valueFrom }, place) => {
    if (!valueFrom) return;
    const at = `${path}.env[${place}]`;
    if (value !== undefined) reading.refuse(at, 'has both a value and a valueFrom');
    if (Object.keys(valueFrom).length !== 1) {
      reading.refuse(
        `${at}.valueFrom`,
        'is not exactly one of configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef',
      );
    }
    checkResource(valueFrom.resourceFieldRef, `${at}.valueFrom.resourceFieldRef`, containers, reading);
  });
  item.envFrom?.forEach(({ configMapRef, secretRef }, place) => {
    if ((configMapRef === undefined) === (secretRef === undefined)) {
      reading.refuse(`${path}.envFrom[${place}]`, 'is not exactly one of configMapRef, secretRef');
    }
  });
}

const probeKinds = ['startupProbe', 'livenessProbe', 'readinessProbe'] as const;
const actions = ['exec', 'httpGet', 'tcpSocket', 'grpc'] as const;

function checkProbes(item: Container, path: string, ends: boolean, reading: Reading): void {
  for (const kind of probeKinds) {
    const probe: Probe | undefined = item[kind];
    if (!probe) continue;
    const at = `${path}.${kind}`;
    if (ends) reading.refuse(at, 'is not for an init container that ends');
    if (actions.filter((action) => probe[action] !== undefined).length !== 1) {
      reading.refuse(at, `is not exactly one of ${actions.join(', ')}`);
    }
    if (kind !== 'readinessProbe' && (probe.successThreshold ?? 1) !== 1) {
      reading.refuse(`${at}.successThreshold`, 'is not 1');
    }
    if (kind === 'readinessProbe' && probe.terminationGracePeriodSeconds !== undefined) {
      reading.refuse(`${at}.terminationGracePeriodSeconds`, 'is not for a readinessProbe');
    }
    const port = probe.httpGet?.port ?? probe.tcpSocket?.port;
    if (typeof port === 'string' && !item.ports?.some(({ name }) => name === port)) {
      reading.refuse(at, `names the port "${port}", which the container does not have`);
    }
  }
  if (item.lifecycle && ends) reading.refuse(`${path}.lifecycle`, 'is not for an init container that ends');
  for (const kind of ['postStart', 'preStop'] as const)
    checkHandler(item, kind, `${path}.lifecycle.${kind}`, reading);
}

const handlers = ['exec', 'httpGet', 'sleep'] as const;

function checkHandler(item: Container, kind: 'postStart' | 'preStop', at: string, reading: Reading): void {
  const handler = item.lifecycle?.[kind];
  if (!handler) return;
  if (handlers.filter((one) => handler[one] !== undefined).length !== 1) {
    reading.refuse(at, `is not exactly one of ${handlers.join(', ')}`);
  }
  const port = handler.httpGet?.port;
  if (typeof port === 'string' && !item.ports?.some(({ name }) => name === port)) {
    reading.refuse(at, `names the port "${port}", which the container does not have`);
  }
}
