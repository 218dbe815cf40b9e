import { messageOf } from '../errors/coded-error.ts';
import type { Admissions } from './admissions.ts';
import { type ConfigObject, configurationOf } from './configuration.ts';
import { type HookOptions, runPostStart } from './container-hooks.ts';
import { containerConfig, sandboxConfig } from './cri-config.ts';
import { type PodPlace, tellsAddress } from './downward.ts';
import { environmentOf } from './environment.ts';
import type { Step } from './next-step.ts';
import { allContainers, type Container, gracePeriod, type Pod } from './pod.ts';
import type { PodDirectories } from './pod-directories.ts';
import { endContainer, endSandbox } from './pod-ending.ts';
import {
  type ActualPod,
  actualPod,
  createContainer,
  ensureImage,
  hasImage,
  type Images,
  removeContainer,
  runSandbox,
  sandboxAddress,
  startContainer,
} from './pod-runtime.ts';
import type { PodRecord } from './pod-store.ts';

export interface PodPartsOptions extends HookOptions {
  images: Images;
  directories: PodDirectories;
  admissions: Admissions;
  /** Name and address of the node, for pods that want to know. */
  place: Omit<PodPlace, 'podIP'>;
  /** ConfigMaps and Secrets as they are now. */
  configuration(): readonly ConfigObject[];
  /** The record of a pod as it is now. */
  current(record: PodRecord): PodRecord;
  /** Makes a change of a record durable. */
  accept(record: PodRecord): Promise<void>;
  tell(record: PodRecord, level: 'info' | 'warn', message: string, fields?: Record<string, unknown>): void;
}

/** Makes, starts and ends the parts of a pod. To be called while the pod is held exclusively. */
export class PodParts {
  readonly #options: PodPartsOptions;

  constructor(options: PodPartsOptions) {
    this.#options = options;
  }

  /** Takes one step towards what the pod should be. */
  async take(record: PodRecord, step: Step, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#options;
    const { pod } = record;
    if (step.do === 'run-sandbox') {
      const prepared = await this.prepare(record);
      const id = await runSandbox(runtime, this.sandboxConfig(prepared, step.attempt), signal);
      this.#options.tell(record, 'info', 'it has a sandbox', { sandbox: id, attempt: step.attempt });
    } else if (step.do === 'create-container') {
      await this.ensureImage(step.container, signal);
      const config = await this.containerConfig(record, step.container, step, signal);
      const sandbox = this.sandboxConfig(record, 0);
      await createContainer(runtime, step.sandboxId, config, sandbox, signal);
    } else if (step.do === 'start-container') {
      await this.startContainer(record, step, signal);
      await this.#afterStart(record, step, signal);
    } else if (step.do === 'stop-container') {
      const container = allContainers(pod).find(({ name }) => name === step.name);
      const complain = (error: unknown) => this.#options.tell(record, 'warn', messageOf(error));
      const target = { uid: pod.metadata.uid, id: step.id, container };
      await endContainer(this.#options, target, gracePeriod(pod), complain, signal);
    } else if (step.do === 'remove-container') await removeContainer(runtime, step.id, signal);
    else if (step.do === 'remove-sandbox') {
      const actual = await actualPod(runtime, record.pod.metadata.uid, signal);
      const sandbox = actual.sandboxes.find(({ id }) => id === step.id);
      if (sandbox) await this.endSandbox(record, actual, sandbox, gracePeriod(pod), signal);
    }
  }

  async #afterStart(record: PodRecord, { id, name }: { id: string; name: string }, signal: AbortSignal) {
    this.#options.tell(record, 'info', `container ${name} is started`, { container: id });
    const container = allContainers(record.pod).find((item) => item.name === name);
    if (!container) return;
    const { uid } = record.pod.metadata;
    try {
      await runPostStart(this.#options, { uid, id, container }, signal);
    } catch (error) {
      // As the kubelet: it is ended, and started again by its policy.
      this.#options.tell(record, 'warn', `${messageOf(error)}, the container is ended`);
      const target = { uid, id, container: undefined };
      await endContainer(this.#options, target, gracePeriod(record.pod), () => {}, signal);
    }
  }

  /**
   * Makes the folders of a pod, with its ConfigMaps and Secrets as they are now; those are remembered first.
   * @throws CodedError `failed-precondition` that names what is missing
   */
  async prepare(record: PodRecord): Promise<PodRecord> {
    const configuration = configurationOf(
      record.pod,
      this.#options.configuration(),
      record.configuration ?? [],
    );
    const known = record.configuration ?? [];
    const same = JSON.stringify(configuration) === JSON.stringify(known);
    const next = same ? record : { ...record, configuration };
    if (!same) await this.#options.accept(next);
    await this.#options.directories.prepare(record.pod, configuration);
    return next;
  }

  /** Sees to it that the image of a container is on this node. */
  ensureImage(container: Container, signal: AbortSignal): Promise<void> {
    return ensureImage(this.#options.images, container.image, signal);
  }

  /** Whether it is, without fetching it. */
  hasImage(container: Container, signal: AbortSignal): Promise<boolean> {
    return hasImage(this.#options.images, container.image, signal);
  }

  sandboxConfig(record: PodRecord, attempt: number) {
    return sandboxConfig(record.pod, {
      attempt,
      logDirectory: this.#options.directories.logsOf(record.pod),
      seen: record.seen,
      ...(record.restoredFrom === undefined ? {} : { restoredFrom: record.restoredFrom }),
    });
  }

  /**
   * What the runtime is asked for, with what the container gets of the node for itself.
   * @param as.image instead of the image of the manifest: the path of a checkpoint archive
   */
  async containerConfig(
    record: PodRecord,
    container: Container,
    as: { restarts: number; image?: string; sandboxId?: string },
    signal: AbortSignal,
  ) {
    const { pod, configuration = [] } = await this.prepare(this.#options.current(record));
    const grant = await this.#options.admissions.grant(pod, container, signal);
    const mounts = await this.#options.directories.mounts(pod, container);
    const place = { ...this.#options.place, podIP: await this.#address(pod, as.sandboxId, signal) };
    return containerConfig(pod, container, {
      restarts: as.restarts,
      variables: environmentOf(pod, container, configuration, place),
      mounts,
      grant,
      ...(as.image === undefined ? {} : { image: as.image }),
    });
  }

  /** What a pod's variables tell of its address; asked only where one wants it. */
  async #address(pod: Pod, sandboxId: string | undefined, signal: AbortSignal): Promise<string> {
    const wanted = allContainers(pod).some(({ env }) =>
      env?.some(({ valueFrom }) => tellsAddress(valueFrom?.fieldRef?.fieldPath ?? '')),
    );
    if (!wanted) return '';
    if (pod.spec.hostNetwork) return this.#options.place.hostIP;
    return sandboxId === undefined ? '' : sandboxAddress(this.#options.runtime, sandboxId, signal);
  }

  /** Starts a container that was created. */
  async startContainer(
    { pod }: PodRecord,
    { id, name }: { id: string; name: string },
    signal: AbortSignal,
  ): Promise<void> {
    const container = allContainers(pod).find((item) => item.name === name);
    if (container) await this.#options.admissions.prestart(pod, container, id, signal);
    await startContainer(this.#options.runtime, id, name, signal);
  }

  endSandbox(
    record: PodRecord,
    actual: ActualPod,
    sandbox: ActualPod['sandboxes'][number],
    grace: number,
    signal: AbortSignal,
  ): Promise<void> {
    const complain = (error: unknown) => this.#options.tell(record, 'warn', messageOf(error));
    return endSandbox(this.#options, record.pod, actual, sandbox, grace, complain, signal);
  }
}
