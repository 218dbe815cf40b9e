import { randomUUID } from 'node:crypto';
import type { CheckpointedPod } from '../kubeletstate/checkpointed-pods.ts';
import type { Pod } from './pod.ts';
import type { PodDescription } from './pod-archive.ts';
import { type RestoreAs, withVolumes } from './restore-as.ts';

/** The pod that is to be made of an archive. */
export function podAs(description: PodDescription, as: RestoreAs): Pod {
  const origin = withVolumes(podOf(description, undefined), as.volumes);
  const { namespace, name } = origin.metadata;
  const metadata = {
    ...origin.metadata,
    namespace: as.namespace ?? namespace,
    name: as.name ?? name,
    uid: randomUUID(),
  };
  return { ...origin, metadata };
}

/** The pod that an archive describes; of archives without a description, what the entry of the list tells. */
export function podOf(description: PodDescription, entry: CheckpointedPod | undefined): Pod {
  if (description.pod) return description.pod;
  const { metadata } = description.sandbox;
  const images = new Map(entry?.containers.map(({ name, image }) => [name, image]));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: metadata?.namespace || entry?.namespace || 'default',
      name: metadata?.name || entry?.name || 'restored',
      uid: metadata?.uid || entry?.uid || randomUUID(),
    },
    spec: {
      containers: Object.keys(description.containers).map((name) => ({
        name,
        image: images.get(name) ?? '',
      })),
      restartPolicy: 'Never',
      ...(entry ? { terminationGracePeriodSeconds: entry.terminationGracePeriod } : {}),
    },
  };
}
