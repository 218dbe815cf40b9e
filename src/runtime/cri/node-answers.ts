import type { nodeContainers, nodePods } from './node-pods.ts';
import type { podResources } from './pod-resources.ts';

/** The node's runtime and kubelet, over their sockets. Clients are loaded when something is asked. */
export const nodeAnswers: {
  pods: typeof nodePods;
  containers: typeof nodeContainers;
  resources: typeof podResources;
} = {
  pods: async (...which) => (await import('./node-pods.ts')).nodePods(...which),
  containers: async (...which) => (await import('./node-pods.ts')).nodeContainers(...which),
  resources: async (root) => (await import('./pod-resources.ts')).podResources(root),
};
