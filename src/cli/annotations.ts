import { type Json, type JsonObject, parseGoJson, RawNumber } from '../bytes/go-json.ts';

/** Annotations whose value is JSON, which checkpointctl takes apart. */
const jsonAnnotations: readonly string[] = [
  'io.kubernetes.cri-o.Labels',
  'io.kubernetes.cri-o.Annotations',
  'io.kubernetes.cri-o.Metadata',
  'kubectl.kubernetes.io/last-applied-configuration',
];

export const volumesAnnotation = 'io.kubernetes.cri-o.Volumes';

export function isJsonAnnotation(key: string): boolean {
  return jsonAnnotations.includes(key);
}

/** The JSON object in an annotation, or undefined where it holds none. */
export function annotationTree(value: string): JsonObject | undefined {
  const json = jsonIn(value);
  return json instanceof Map ? json : undefined;
}

/** A volume as CRI-O notes it. */
export interface Volume {
  containerPath: string;
  facts: readonly (readonly [string, string])[];
}

/** The volumes in CRI-O's annotation; none where it cannot be read. */
export function volumesIn(value: string): Volume[] {
  const json = jsonIn(value);
  return (Array.isArray(json) ? json : []).flatMap((volume): Volume[] => {
    if (!(volume instanceof Map)) return [];
    const text = (key: string): string => jsonText(volume.get(key) ?? false);
    return [
      {
        containerPath: jsonText(volume.get('container_path') ?? ''),
        facts: [
          ['host path', jsonText(volume.get('host_path') ?? '')],
          ['read-only', text('readonly')],
          ['selinux relabel', text('selinux_relabel')],
          ['recursive read-only', text('recursive_read_only')],
          ['propagation', jsonText(volume.get('propagation') ?? 0)],
        ],
      },
    ];
  });
}

/** A scalar as text. */
export function jsonText(value: Json): string {
  if (value instanceof RawNumber) return value.text;
  return value === null ? '<nil>' : String(value);
}

function jsonIn(value: string): Json | undefined {
  try {
    return parseGoJson(value);
  } catch {
    return undefined;
  }
}
