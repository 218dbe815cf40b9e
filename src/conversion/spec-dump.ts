import type { Json, JsonObject } from '../bytes/go-json.ts';
import { targetAnnotations } from './annotations.ts';
import { type ConversionNote, type ConversionOptions, engineNames } from './conversion.ts';
import { targetMounts } from './mounts.ts';
import { type ConversionSource, namespaceUse } from './source.ts';

/**
 * `spec.dump` for the target. CRI engines make a specification of their own for the new container and read the
 * old one for what it says; Podman runs what is in it.
 */
export function targetSpec(
  source: ConversionSource,
  options: ConversionOptions,
  notes: ConversionNote[],
): JsonObject {
  const spec: JsonObject = new Map(source.spec);
  spec.set('annotations', targetAnnotations(source, options, notes));
  spec.set('mounts', targetMounts(source, options, notes));
  const readonly = objectOf(spec.get('root')).get('readonly');
  spec.set(
    'root',
    new Map<string, Json>([['path', 'rootfs'], ...(readonly === true ? [['readonly', true] as const] : [])]),
  );
  if (spec.delete('hooks')) {
    const detail = 'left out: they are programs of the old node, run outside of the container';
    notes.push({ kind: 'lost', about: 'hooks', detail });
  }
  notes.push(...namespaceNotes(source, options));
  if (options.target !== 'podman') return spec;
  const linux = new Map(objectOf(spec.get('linux')));
  // Podman fills in the paths of what it shares, and the place of the cgroup.
  linux.set('namespaces', withoutPaths(linux.get('namespaces')));
  linux.delete('cgroupsPath');
  const hostname = spec.get('hostname') ?? hostnameOf(spec);
  if (hostname !== undefined) spec.set('hostname', hostname);
  return spec.set('linux', linux);
}

function withoutPaths(namespaces: Json | undefined): Json {
  return (Array.isArray(namespaces) ? namespaces : []).map((one) => {
    const copy = new Map(objectOf(one));
    copy.delete('path');
    return copy;
  });
}

/** Engines that share a host name among the containers of a pod leave it to the environment. */
function hostnameOf(spec: JsonObject): string | undefined {
  const environment = objectOf(spec.get('process')).get('env');
  for (const one of Array.isArray(environment) ? environment : []) {
    const name = typeof one === 'string' ? /^HOSTNAME=([A-Za-z0-9.-]{1,64})$/.exec(one)?.[1] : undefined;
    if (name !== undefined) return name;
  }
  return undefined;
}

/** What becomes of the network and of the numbers of processes. */
function namespaceNotes(source: ConversionSource, { target, pod }: ConversionOptions): ConversionNote[] {
  const notes: ConversionNote[] = [];
  const network = namespaceUse(source.spec, 'network');
  const processes = namespaceUse(source.spec, 'pid');
  const engine = engineNames[target];
  if (network === 'own' && target !== 'podman') {
    const detail = `the container keeps the one that is in the checkpoint; it is not part of its new pod's network`;
    notes.push({ kind: 'changed', about: 'network namespace', detail });
  }
  if (network === 'node' && target !== 'podman') {
    notes.push({
      kind: 'needed',
      about: 'network namespace',
      detail: `a pod on the node's network (hostNetwork)`,
    });
  }
  if (network === 'joined' && target === 'podman' && !pod) {
    const detail = `${engine} gives the container an address on its default network; connections of the old one end`;
    notes.push({ kind: 'changed', about: 'network namespace', detail });
  }
  if (target === 'podman' && (pod || processes === 'joined')) {
    const shared = ['ipc', 'network', 'pid', 'uts'].filter(
      (type) => namespaceUse(source.spec, type) === 'joined',
    );
    const names = shared.map((type) => (type === 'network' ? 'net' : type)).join(',');
    const detail = `a pod that shares the same: podman pod create --share ${names}, then podman container restore --pod POD`;
    notes.push({ kind: 'needed', about: 'pod', detail });
  } else if (processes === 'joined' && target !== 'stasis') {
    const detail =
      'a pod that shares its process namespace (shareProcessNamespace), with the same numbers free';
    notes.push({ kind: 'needed', about: 'process namespace', detail });
    if (target === 'containerd' && source.program === 'crun') {
      const blind =
        'with crun containerd does not see the end of what was restored into a shared one, and cannot stop it';
      notes.push({ kind: 'changed', about: 'process namespace', detail: blind });
    }
  }
  return notes;
}

export function objectOf(value: Json | undefined): JsonObject {
  return value instanceof Map ? value : new Map();
}
