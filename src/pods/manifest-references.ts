import type { podFields } from './manifest-fields.ts';
import type { Container } from './pod.ts';
import type { Reading } from './schema.ts';

type Spec = NonNullable<ReturnType<typeof podFields>>['spec'];

/** Refuses what names something that is not there, or is there twice. */
export function checkReferences(spec: Spec, reading: Reading): void {
  if (spec.containers.length === 0) reading.refuse('spec.containers', 'is empty');
  const names = new Set<string>();
  const volumes = new Set<string>();
  spec.volumes?.forEach((item, index) => {
    const at = `spec.volumes[${index}]`;
    if (volumes.has(item.name)) reading.refuse(`${at}.name`, `"${item.name}" is there twice`);
    if ((item.hostPath === undefined) === (item.emptyDir === undefined)) {
      reading.refuse(at, 'is neither a hostPath nor an emptyDir');
    }
    volumes.add(item.name);
  });
  const check = (list: readonly Container[], at: string) => {
    list.forEach((item, index) => {
      if (names.has(item.name)) reading.refuse(`${at}[${index}].name`, `"${item.name}" is there twice`);
      names.add(item.name);
      item.volumeMounts?.forEach((mount, place) => {
        if (volumes.has(mount.name)) return;
        reading.refuse(
          `${at}[${index}].volumeMounts[${place}].name`,
          `"${mount.name}" is no volume of the pod`,
        );
      });
    });
  };
  check((spec.initContainers ?? []) as Container[], 'spec.initContainers');
  check(spec.containers as Container[], 'spec.containers');
}
