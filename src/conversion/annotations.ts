import { printGoJson } from '../bytes/go-json.ts';
import { managerAnnotation, specAnnotations } from '../checkpoint/engine.ts';
import { validateSpec } from '../checkpoint/validate-spec.ts';
import type { ConversionNote, ConversionOptions } from './conversion.ts';
import { type ConversionSource, jsonOf } from './source.ts';

/** Annotations by which engines describe a container to themselves; each target gets its own. */
const enginesOwn =
  /^io\.kubernetes\.cri(?:-o)?\.|^io\.kubernetes\.(?:pod|container)\.(?:name|namespace|uid)$/;

/** The annotations of `spec.dump` for the target: the container's own ones, and the target's. */
export function targetAnnotations(
  source: ConversionSource,
  options: ConversionOptions,
  notes: ConversionNote[],
): Map<string, string> {
  const kept = new Map(
    [...source.identity.annotations].filter(([name]) => !enginesOwn.test(name) && name !== managerAnnotation),
  );
  for (const { about, detail } of validateSpec(source.spec)) {
    const name = about.startsWith('annotation ') ? about.slice('annotation '.length) : undefined;
    if (name === undefined || !kept.delete(name)) continue;
    notes.push({ kind: 'lost', about, detail: `left out: ${detail}` });
  }
  const added =
    options.target === 'podman'
      ? { [managerAnnotation]: 'libpod' }
      : options.target === 'cri-o'
        ? crioAnnotations(source, options)
        : criAnnotations(source, options);
  for (const [name, value] of Object.entries(added)) if (value !== '') kept.set(name, value);
  return kept;
}

/** The name that the container is going to have. */
export function containerName({ identity }: ConversionSource, { name }: ConversionOptions): string {
  return name ?? (identity.name || identity.engineContainerName || 'container');
}

/** The image that it is going to run on, by name. */
export function imageName({ identity }: ConversionSource, { image }: ConversionOptions): string {
  return image ?? (identity.image || identity.imageRequested || identity.imageRef);
}

/** containerd's, which stasis writes as well and signs with its name. */
function criAnnotations(
  source: ConversionSource,
  options: ConversionOptions,
): Readonly<Record<string, string>> {
  const { pod, namespace, podUid, sandboxId } = source.identity;
  const keys = specAnnotations.containerd;
  return {
    ...(options.target === 'stasis' ? { [managerAnnotation]: 'stasis' } : {}),
    [keys.containerName]: containerName(source, options),
    'io.kubernetes.cri.container-type': 'container',
    'io.kubernetes.cri.image-name': imageName(source, options),
    [keys.sandboxId]: sandboxId,
    [keys.podName]: pod,
    [keys.podNamespace]: namespace,
    [keys.podUid]: podUid,
  };
}

function crioAnnotations(
  source: ConversionSource,
  options: ConversionOptions,
): Readonly<Record<string, string>> {
  const { identity, labels } = source;
  const name = containerName(source, options);
  const keys = specAnnotations.crio;
  const own = jsonOf(identity.annotations.get('io.kubernetes.cri-o.Annotations'));
  return {
    [managerAnnotation]: 'cri-o',
    'io.kubernetes.container.name': name,
    'io.kubernetes.cri-o.Annotations': printGoJson(own ?? new Map()),
    'io.kubernetes.cri-o.ContainerID': identity.id,
    'io.kubernetes.cri-o.ContainerType': 'container',
    [keys.created]: identity.created,
    [keys.ip]: identity.ip,
    'io.kubernetes.cri-o.Image': imageName(source, options),
    'io.kubernetes.cri-o.ImageName': imageName(source, options),
    'io.kubernetes.cri-o.Labels': printGoJson(labels),
    [keys.metadata]: printGoJson({ name }),
    'io.kubernetes.cri-o.Name': identity.engineContainerName,
    [keys.sandboxId]: identity.sandboxId,
    [keys.podName]: identity.pod,
    [keys.podNamespace]: identity.namespace,
    [keys.podUid]: identity.podUid,
  };
}
