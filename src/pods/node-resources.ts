import type { ContainerGrant } from './container-grant.ts';
import type { Container, Pod } from './pod.ts';

/** What the node knows about a pod when it is to be admitted. */
export interface AdmissionFacts {
  /**
   * Uids of every pod of this node that has not ended, this one included, as of when it is asked: what others hold
   * may be taken back.
   */
  alive: Pick<ReadonlySet<string>, 'has'>;
  /**
   * Names of containers of this pod that were made already in a sandbox that lives, as after a restart of ours:
   * they have what they need, and nothing changes for them.
   */
  running: ReadonlySet<string>;
}

/**
 * Something of the node that containers get for themselves: devices, CPUs, memory. It remembers what it gave
 * over a restart, durably before it is used. Calls for one pod come one after the other; calls for different
 * pods may come together.
 */
export interface NodeResources {
  /**
   * Once for each pod and process, before the pod's first sandbox is made: sets aside what its containers ask
   * for. A pod that was admitted before keeps what it has.
   * @throws CodedError whose message is the kubelet's reason; `data.reason` where the kubelet has a word of its
   *   own for it instead of `UnexpectedAdmissionError`. Nothing that this call set aside stays so.
   */
  admit(pod: Pod, facts: AdmissionFacts, signal: AbortSignal): Promise<void>;
  /** Before each creation of a container, after `admit`; also of one that is restored. */
  grant(pod: Pod, container: Container, signal: AbortSignal): Promise<ContainerGrant>;
  /** Between creation and start of a container, under the runtime's id. */
  prestart?(pod: Pod, container: Container, id: string, signal: AbortSignal): Promise<void>;
  /** When the pod is gone, or was not admitted after all. For a pod that has nothing it does nothing. */
  release(podUid: string): Promise<void>;
}
