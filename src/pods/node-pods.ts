import type { PodSummary } from '../api/stasis.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { Admissions } from './admissions.ts';
import type { ConfigObject } from './configuration.ts';
import type { PodPlace } from './downward.ts';
import { InTurn } from './in-turn.ts';
import { ManifestChanges } from './manifest-changes.ts';
import { containersIn, hasFinished } from './next-step.ts';
import type { NodeResources } from './node-resources.ts';
import { type Container, gracePeriod, type Pod, podName } from './pod.ts';
import type { PodDirectories } from './pod-directories.ts';
import { PodEvents } from './pod-events.ts';
import { PodLoop } from './pod-loop.ts';
import { PodParts, type PodPartsOptions } from './pod-parts.ts';
import { PodProbes } from './pod-probes.ts';
import { type ActualPod, actualPod, type Images, ofPod, type Runtime } from './pod-runtime.ts';
import { type PodRecord, type PodStore, uidOf } from './pod-store.ts';
import { PodTroubles } from './pod-troubles.ts';
import type { ProbesOptions } from './probes.ts';
import { summaryOf } from './summary.ts';

export type Log = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: Record<string, unknown>,
) => void;

export interface NodePodsOptions {
  runtime: Runtime;
  images: Images;
  store: PodStore;
  directories: PodDirectories;
  /** What containers get for themselves; asked in this order. */
  resources: readonly NodeResources[];
  /** Name and address of the node, for pods that want to know. */
  place: Omit<PodPlace, 'podIP'>;
  /** Asks a container for its health. */
  ask: ProbesOptions['ask'];
  log: Log;
}

/**
 * The pods of this node. Each accepted pod has a record that outlives us; what is to be done is decided from
 * the record and from what the runtime reports alone, so that whoever starts after a crash goes on where it
 * stopped and nothing is started twice.
 */
export class NodePods {
  readonly #options: NodePodsOptions;
  readonly #records = new Map<string, PodRecord>();
  readonly #inTurn = new InTurn();
  readonly #events = new PodEvents();
  readonly #troubles: PodTroubles;
  readonly #admissions: Admissions;
  readonly #stopping = new AbortController();
  readonly #probes: PodProbes;
  readonly #parts: PodParts;
  readonly #manifests: ManifestChanges;
  readonly #loop: PodLoop;
  #looking: Promise<void> = Promise.resolve();
  /** Whether the node was drained: pods of new manifests are held back. */
  drained = false;

  constructor(options: NodePodsOptions) {
    this.#options = options;
    this.#troubles = new PodTroubles(this.#events, options.log);
    this.#admissions = new Admissions(options.resources, (message) => options.log('error', message));
    const tell: PodPartsOptions['tell'] = (...args) => this.#tell(...args);
    this.#parts = new PodParts({
      ...options,
      admissions: this.#admissions,
      configuration: () => this.#manifests.configuration,
      current: (record) => this.#records.get(uidOf(record)) ?? record,
      accept: (record) => this.accept(record),
      tell,
    });
    const shared = {
      pods: this,
      runtime: options.runtime,
      busy: (uid: string) => this.#inTurn.busy(uid),
      failed: (record: PodRecord, error: unknown) => this.#failed(record, error),
      log: options.log,
    };
    this.#manifests = new ManifestChanges(shared);
    this.#probes = new PodProbes({ ...shared, ask: options.ask, tell });
    this.#loop = new PodLoop({
      ...shared,
      parts: this.#parts,
      probes: this.#probes,
      troubles: this.#troubles,
      admitted: (uid) => this.#admissions.has(uid),
    });
  }

  /** Takes over what the node had accepted before. */
  async load(): Promise<void> {
    for (const record of await this.#options.store.load()) this.#records.set(record.pod.metadata.uid, record);
  }

  /** Brings pods to what they should be, until {@link close}. */
  start(): void {
    this.#looking = this.#loop.run(this.#stopping.signal);
  }

  /** Stops working on pods and leaves them as they are. */
  async close(): Promise<void> {
    this.#stopping.abort(new CodedError('cancelled', 'stasisd is stopping'));
    this.#probes.close();
    await this.#looking;
    await this.#inTurn.idle();
  }

  records(): readonly PodRecord[] {
    return [...this.#records.values()];
  }

  find(namespace: string, name: string): PodRecord | undefined {
    return this.records().find(
      ({ pod: { metadata } }) => metadata.namespace === namespace && metadata.name === name,
    );
  }

  byUid(uid: string): PodRecord | undefined {
    return this.#records.get(uid);
  }

  /** Makes a pod one of this node's, durably. */
  async accept(given: PodRecord): Promise<void> {
    const { uid } = given.pod.metadata;
    const configuration = given.configuration ?? this.#records.get(uid)?.configuration;
    const record = configuration ? { ...given, configuration } : given;
    await this.#options.store.save(record);
    this.#records.set(uid, record);
  }

  /**
   * Sees to it that the pod has what its containers get for themselves; once in the life of this process. To be
   * called before anything is made of the pod, while it is held exclusively.
   * @throws RejectedError
   */
  async admit({ pod, restoring = false }: PodRecord, signal: AbortSignal): Promise<void> {
    const { uid } = pod.metadata;
    if (this.#admissions.has(uid)) return;
    const actual = await actualPod(this.#options.runtime, undefined, signal);
    const ended = this.records().filter((record) => hasFinished(record.pod, ofPod(actual, uidOf(record))));
    const over = new Set(ended.map(uidOf));
    const mine = ofPod(actual, uid);
    const living = mine.sandboxes.find(({ ready }) => ready);
    const running = living ? containersIn(mine, living) : [];
    const facts = {
      // Whoever is accepted meanwhile is alive as well.
      alive: { has: (each: string) => each === uid || (this.#records.has(each) && !over.has(each)) },
      running: new Set(running.map(({ name }) => name)),
    };
    // A process that is to continue has what it had, or waits for it.
    await this.#admissions.admit(pod, facts, living !== undefined || restoring, signal);
  }

  /** Tries pods again that were rejected: something on the node is free, or there, that was not. */
  reconsider(): void {
    this.#troubles.reconsider();
  }

  /** Runs `work` while nobody else changes anything about this pod. */
  exclusively<T>(uid: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#inTurn.run(uid, () => work(this.#stopping.signal));
  }

  /** Runs `work` while what probes find out about a pod tells nothing, because it freezes its containers. */
  undisturbed<T>(uid: string, work: () => Promise<T>): Promise<T> {
    return this.#probes.undisturbed(uid, work);
  }

  /** Says what is wrong with a pod; shown until something succeeds. */
  note(uid: string, message: string): void {
    this.#troubles.note(uid, message);
  }

  /** What was wrong with a pod is over. */
  clearNote(uid: string): void {
    this.#troubles.clear(uid);
  }

  async summaries(signal: AbortSignal): Promise<PodSummary[]> {
    const actual = await actualPod(this.#options.runtime, undefined, signal);
    return this.records()
      .map((record) => this.summary(record, actual))
      .sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
  }

  summary(record: PodRecord, actual: ActualPod): PodSummary {
    const { uid } = record.pod.metadata;
    return summaryOf(record, ofPod(actual, uid), {
      message: this.#troubles.message(uid),
      isReady: (id, container) => this.#probes.isReady(id, container),
      complaint: (id) => this.#probes.complaint(id),
    });
  }

  /** What has happened to a pod in the life of this process, oldest first. */
  events(uid: string) {
    return this.#events.of(uid);
  }

  /** Makes the node's pods those of its manifests: accepts new ones, replaces changed ones, ends removed ones. */
  async applyManifests(
    manifests: ReadonlyMap<string, Pod>,
    configuration: readonly ConfigObject[] = [],
  ): Promise<void> {
    this.useConfiguration(configuration);
    await this.#manifests.apply(manifests);
  }

  /** Takes over ConfigMaps and Secrets: pods that run see the changes in their volumes. */
  useConfiguration(configuration: readonly ConfigObject[]): void {
    this.#manifests.useConfiguration(configuration);
  }

  /** Ends a pod and forgets it. @returns when it is gone */
  async remove(record: PodRecord, grace = gracePeriod(record.pod)): Promise<void> {
    const { uid } = record.pod.metadata;
    await this.exclusively(uid, async (signal) => {
      await this.stop(record, grace, signal);
      await this.#options.directories.remove(record.pod);
      await this.#options.store.remove(uid);
      this.#records.delete(uid);
      this.#troubles.clear(uid);
      this.#events.forget(uid);
      await this.#release(record);
      this.#options.log('info', `pod ${podName(record.pod)} is gone`, { uid });
    });
  }

  /** What a pod had is given back when nothing knows it any more: a crash between leaves what the next one frees. */
  async #release(record: PodRecord): Promise<void> {
    try {
      await this.#admissions.release(uidOf(record));
    } catch (error) {
      this.#options.log('error', `taking back what pod ${podName(record.pod)} had: ${messageOf(error)}`);
    }
    this.reconsider();
  }

  /** Ends the sandboxes of a pod and leaves its record. To be called while the pod is held exclusively. */
  async stop(record: PodRecord, grace: number, signal: AbortSignal): Promise<void> {
    const actual = await actualPod(this.#options.runtime, record.pod.metadata.uid, signal);
    await Promise.all(
      actual.sandboxes.map((sandbox) => this.#parts.endSandbox(record, actual, sandbox, grace, signal)),
    );
  }

  /** Into the log, and into what `describe` shows of the pod. */
  #tell(
    record: PodRecord,
    level: 'info' | 'warn',
    message: string,
    fields: Record<string, unknown> = {},
  ): void {
    this.#events.add(uidOf(record), level, message);
    this.#options.log(level, `pod ${podName(record.pod)}: ${message}`, { uid: uidOf(record), ...fields });
  }

  /** See {@link PodParts}. */
  prepare(record: PodRecord): Promise<PodRecord> {
    return this.#parts.prepare(record);
  }

  ensureImage(container: Container, signal: AbortSignal): Promise<void> {
    return this.#parts.ensureImage(container, signal);
  }

  hasImage(container: Container, signal: AbortSignal): Promise<boolean> {
    return this.#parts.hasImage(container, signal);
  }

  sandboxConfig(record: PodRecord, attempt: number) {
    return this.#parts.sandboxConfig(record, attempt);
  }

  containerConfig(...args: Parameters<PodParts['containerConfig']>) {
    return this.#parts.containerConfig(...args);
  }

  startContainer(...args: Parameters<PodParts['startContainer']>): Promise<void> {
    return this.#parts.startContainer(...args);
  }

  #failed(record: PodRecord, error: unknown): void {
    if (!this.#stopping.signal.aborted) this.#troubles.failed(record, error);
  }
}
