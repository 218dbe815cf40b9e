/** The labels and annotations by which the kubelet marks what it makes; other tools look for them. */
export const labels = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
} as const;

export const annotations = {
  configSource: 'kubernetes.io/config.source',
  configSeen: 'kubernetes.io/config.seen',
  /** `true` on a pod that continues from a checkpoint. */
  restoredPod: 'kubernetes.io/restored.pod',
  gracePeriod: 'io.kubernetes.pod.terminationGracePeriod',
  restartCount: 'io.kubernetes.container.restartCount',
  terminationMessagePath: 'io.kubernetes.container.terminationMessagePath',
  terminationMessagePolicy: 'io.kubernetes.container.terminationMessagePolicy',
  /** Sandbox id of the checkpoint that a sandbox was restored from; ours. */
  restoredFrom: 'io.stasis.restored-from',
} as const;
