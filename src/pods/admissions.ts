import { CodedError, isCoded, messageOf } from '../errors/coded-error.ts';
import { type ContainerGrant, joinGrants, nothingGranted } from './container-grant.ts';
import type { AdmissionFacts, NodeResources } from './node-resources.ts';
import { type Container, type Pod, podName } from './pod.ts';

/** The kubelet's reason where nobody has a word of their own. */
const unexpected = 'UnexpectedAdmissionError';

/** A pod that may not run here, now: its message is what the kubelet shows in the pod's status. */
export class RejectedError extends CodedError {
  constructor(cause: unknown) {
    const given = isCoded(cause) ? cause.data['reason'] : undefined;
    const message =
      given === undefined
        ? `${unexpected}: Allocate failed due to ${messageOf(cause)}, which is unexpected`
        : `${given}: ${messageOf(cause)}`;
    super(isCoded(cause) ? cause.code : 'internal', message, {
      cause,
      data: { reason: given ?? unexpected },
      ...(isCoded(cause) && cause.hint !== undefined ? { hint: cause.hint } : {}),
    });
  }
}

/** Everything that the node gives to containers for themselves, as one. */
export class Admissions {
  readonly #resources: readonly NodeResources[];
  readonly #tell: (message: string) => void;
  readonly #admitted = new Set<string>();

  /** @param tell is told where two of them give a container the same thing (the first one wins), and of failures */
  constructor(resources: readonly NodeResources[], tell: (message: string) => void) {
    this.#resources = resources;
    this.#tell = tell;
  }

  /** Whether the pod has been admitted by this process. */
  has(uid: string): boolean {
    return this.#admitted.has(uid);
  }

  /**
   * Sets aside what the pod's containers ask for, once.
   * @param keep do not take back what the pod has when it is rejected: its sandbox lives, or is to be restored
   * @throws RejectedError
   */
  async admit(pod: Pod, facts: AdmissionFacts, keep: boolean, signal: AbortSignal): Promise<void> {
    const { uid } = pod.metadata;
    if (this.#admitted.has(uid)) return;
    try {
      for (const resources of this.#resources) await resources.admit(pod, facts, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      // Why it was rejected is what counts; what could not be taken back is the pod's when it is tried again.
      if (!keep) await this.release(uid).catch((problem: unknown) => this.#tell(messageOf(problem)));
      throw new RejectedError(error);
    }
    this.#admitted.add(uid);
  }

  /** What a container that is about to be created gets. */
  async grant(pod: Pod, container: Container, signal: AbortSignal): Promise<ContainerGrant> {
    let all = nothingGranted;
    for (const resources of this.#resources) {
      const more = await resources.grant(pod, container, signal);
      all = joinGrants(all, more, (what) =>
        this.#tell(`container ${container.name} of pod ${podName(pod)} is given ${what} twice`),
      );
    }
    return all;
  }

  async prestart(pod: Pod, container: Container, id: string, signal: AbortSignal): Promise<void> {
    for (const resources of this.#resources) await resources.prestart?.(pod, container, id, signal);
  }

  /** Takes back what the pod has. All are asked, even when one fails. */
  async release(uid: string): Promise<void> {
    this.#admitted.delete(uid);
    const ends = await Promise.allSettled(this.#resources.map((resources) => resources.release(uid)));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }
}
