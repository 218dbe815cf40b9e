import type { RestorePreflight } from '../api/stasis.ts';
import type { NodePods } from './node-pods.ts';
import { type Pod, podName } from './pod.ts';
import type { EnsureImage } from './restore-as.ts';

/** What a restore would meet. */
export type RestoreForecast = Pick<RestorePreflight, 'pod' | 'missing' | 'pulls'>;

/**
 * What a restore of `pod` would meet. Nothing is made, fetched or set aside for it.
 * @param look names what is not here; it asks for images as a restore does
 */
export async function restoreForecast(
  pods: NodePods,
  pod: Pod,
  look: (ensureImage: EnsureImage) => Promise<readonly string[]>,
): Promise<RestoreForecast> {
  const { namespace, name } = pod.metadata;
  const pulls = new Set<string>();
  const missing = await look(async (container, signal) => {
    if (!(await pods.hasImage(container, signal))) pulls.add(container.image);
  });
  const taken = pods.find(namespace, name)
    ? [`name: this node has a pod ${podName(pod)} already, give the new one another`]
    : [];
  return { pod: { namespace, name }, missing: [...new Set([...taken, ...missing])], pulls: [...pulls] };
}
