import type { ContainerOnNode, ContainerResources, PodOnNode } from '../kubeletstate/node-facts.ts';

/** Who answers for a node: its container runtime and its kubelet. */
export interface NodeAnswers {
  /**
   * The node's pods by uid; undefined where there is nothing to know them from. Without `endpoint` a runtime is looked
   * for that need not answer, and `silent` says why it did not.
   * @param root the kubelet's root directory
   * @throws CodedError `unavailable`, `invalid-argument` when the runtime at `endpoint` cannot be asked
   */
  pods(root: string, endpoint?: string): Promise<Answer & { pods: Map<string, PodOnNode> | undefined }>;
  /** The runtime's containers by id, with `endpoint` and errors as for pods. */
  containers(
    root: string,
    endpoint?: string,
  ): Promise<Answer & { containers: Map<string, ContainerOnNode> | undefined }>;
  /**
   * What the kubelet says its containers have, under `namespace/pod/container`; undefined where none ever ran.
   * @throws CodedError `unavailable`
   */
  resources(root: string): Promise<Map<string, ContainerResources> | undefined>;
}

interface Answer {
  silent: string | undefined;
}
