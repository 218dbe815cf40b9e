import type { PodSummary } from '../api/stasis.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { Admissions, RejectedError } from './admissions.ts';
import { type ConfigObject, configurationOf } from './configuration.ts';
import type { PodPlace } from './downward.ts';
import { InTurn } from './in-turn.ts';
import { contentHash } from './manifest.ts';
import { containersIn, type HasStarted, hasFinished, nextStep } from './next-step.ts';
import type { NodeResources } from './node-resources.ts';
import { pause } from './pause.ts';
import { type Container, gracePeriod, lastingContainers, type Pod, podName } from './pod.ts';
import type { PodDirectories } from './pod-directories.ts';
import { endContainer } from './pod-ending.ts';
import { PodEvents } from './pod-events.ts';
import { PodParts } from './pod-parts.ts';
import { type ActualPod, actualPod, type Images, type Runtime } from './pod-runtime.ts';
import type { PodRecord, PodStore } from './pod-store.ts';
import { type ProbeKind, Probes, type ProbesOptions, type ProbeTarget } from './probes.ts';
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

/** What went wrong with a pod. */
interface Trouble {
  message: string;
  failures: number;
  retryAt: number;
  /** It may not run here, now. */
  rejected?: boolean;
}

/** Milliseconds between two looks at the runtime. */
const lookInterval = 500;
/** Pauses after a step that failed: doubled from the first to the last. */
const firstPause = 1_000;
const lastPause = 300_000;

/**
 * The pods of this node. Each accepted pod has a record that outlives us; what is to be done is decided from
 * the record and from what the runtime reports alone, so that whoever starts after a crash goes on where it
 * stopped and nothing is started twice.
 */
export class NodePods {
  readonly #options: NodePodsOptions;
  readonly #records = new Map<string, PodRecord>();
  readonly #inTurn = new InTurn();
  readonly #troubles = new Map<string, Trouble>();
  readonly #admissions: Admissions;
  readonly #stopping = new AbortController();
  readonly #probes: Probes;
  readonly #parts: PodParts;
  readonly #events = new PodEvents();
  /** Uid → how many stand in the way of its containers on purpose. */
  readonly #held = new Map<string, number>();
  #configuration: readonly ConfigObject[] = [];
  #looking: Promise<void> = Promise.resolve();
  /** Whether the node was drained: pods of new manifests are held back. */
  drained = false;

  constructor(options: NodePodsOptions) {
    this.#options = options;
    this.#admissions = new Admissions(options.resources, (message) => options.log('error', message));
    this.#parts = new PodParts({
      ...options,
      admissions: this.#admissions,
      configuration: () => this.#configuration,
      current: (record) => this.#records.get(uidOf(record)) ?? record,
      accept: (record) => this.accept(record),
      tell: (...args) => this.#tell(...args),
    });
    this.#probes = new Probes({
      ask: options.ask,
      unhealthy: (target, kind, message) => this.#unhealthy(target, kind, message),
      held: (uid) => this.#inTurn.busy(uid) || this.#held.has(uid),
    });
  }

  /** Takes over what the node had accepted before. */
  async load(): Promise<void> {
    for (const record of await this.#options.store.load()) this.#records.set(record.pod.metadata.uid, record);
  }

  /** Brings pods to what they should be, until {@link close}. */
  start(): void {
    const { signal } = this.#stopping;
    const look = async () => {
      while (!signal.aborted) {
        await this.#look().catch((error) => {
          if (!signal.aborted) this.#options.log('error', messageOf(error));
        });
        await pause(lookInterval, signal);
      }
    };
    this.#looking = look();
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
    for (const trouble of this.#troubles.values()) if (trouble.rejected) trouble.retryAt = 0;
  }

  /** Runs `work` while nobody else changes anything about this pod. */
  exclusively<T>(uid: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#inTurn.run(uid, () => work(this.#stopping.signal));
  }

  /** Runs `work` while what probes find out about a pod tells nothing, because it freezes its containers. */
  async undisturbed<T>(uid: string, work: () => Promise<T>): Promise<T> {
    this.#held.set(uid, (this.#held.get(uid) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.#held.get(uid) ?? 1) - 1;
      if (left > 0) this.#held.set(uid, left);
      else this.#held.delete(uid);
    }
  }

  /** Says what is wrong with a pod; shown until something succeeds. */
  note(uid: string, message: string): void {
    this.#troubles.set(uid, { message, failures: 0, retryAt: 0 });
  }

  /** What was wrong with a pod is over. */
  clearNote(uid: string): void {
    this.#troubles.delete(uid);
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
      message: this.#troubles.get(uid)?.message ?? '',
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
    const wanted = new Set<string>();
    for (const [file, pod] of manifests) {
      const known = this.find(pod.metadata.namespace, pod.metadata.name);
      const manifest = { file, hash: contentHash(pod) };
      if (known) wanted.add(known.pod.metadata.uid);
      if (!known) {
        if (!this.drained) await this.#acceptNew(pod, manifest);
      } else if (!known.manifest || (known.manifest.hash === manifest.hash && known.manifest.file !== file)) {
        // A restored pod meets its manifest, or the file was renamed: the pod that runs is the one.
        await this.accept({ ...known, manifest });
      } else if (known.manifest.hash !== manifest.hash && !this.drained) {
        this.#options.log('info', `pod ${podName(pod)}: its manifest has changed, it is replaced`);
        this.#end(known, () => this.#acceptNew(pod, manifest));
      }
    }
    for (const record of this.records()) {
      if (!record.manifest || wanted.has(record.pod.metadata.uid)) continue;
      if (manifests.has(record.manifest.file) && this.drained) continue;
      const found = [...manifests.values()].some((pod) => podName(pod) === podName(record.pod));
      if (!found) this.#end(record);
    }
  }

  /** Takes over ConfigMaps and Secrets: pods that run see the changes in their volumes. */
  useConfiguration(configuration: readonly ConfigObject[]): void {
    this.#configuration = configuration;
    this.reconsider();
    for (const record of this.records()) {
      if (!record.configuration || record.drained || record.restoring) continue;
      const next = resolved(record, configuration);
      if (!next || JSON.stringify(next) === JSON.stringify(record.configuration)) continue;
      const { uid } = record.pod.metadata;
      this.exclusively(uid, async () => {
        const current = this.#records.get(uid);
        if (current) await this.prepare(current);
      }).catch((error) => this.#failed(record, error));
    }
  }

  /** Ends a pod and forgets it. @returns when it is gone */
  async remove(record: PodRecord, grace = gracePeriod(record.pod)): Promise<void> {
    const { uid } = record.pod.metadata;
    await this.exclusively(uid, async (signal) => {
      await this.stop(record, grace, signal);
      await this.#options.directories.remove(record.pod);
      await this.#options.store.remove(uid);
      this.#records.delete(uid);
      this.#troubles.delete(uid);
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

  async #acceptNew(pod: Pod, manifest: { file: string; hash: string }): Promise<void> {
    this.#options.log('info', `pod ${podName(pod)} is accepted`, {
      uid: pod.metadata.uid,
      file: manifest.file,
    });
    await this.accept({ pod, manifest, seen: new Date().toISOString() });
  }

  #end(record: PodRecord, then?: () => Promise<void>): void {
    const { uid } = record.pod.metadata;
    if (this.#inTurn.busy(uid)) return;
    this.remove(record)
      .then(then)
      .catch((error) => this.#failed(record, error));
  }

  async #look(): Promise<void> {
    const { signal } = this.#stopping;
    const idle = this.records().filter((record) => !this.#inTurn.busy(record.pod.metadata.uid));
    if (this.#records.size === 0) return this.#probes.look([]);
    const actual = await actualPod(this.#options.runtime, undefined, signal);
    this.#probes.look(this.records().flatMap((record) => probed(record, actual)));
    // Those that run keep what they have before others ask for it.
    const lives = (record: PodRecord) => ofPod(actual, uidOf(record)).sandboxes.some(({ ready }) => ready);
    for (const record of [...idle].sort((a, b) => Number(lives(b)) - Number(lives(a)))) {
      const uid = uidOf(record);
      if (record.restoring || record.drained || (this.#troubles.get(uid)?.retryAt ?? 0) > Date.now())
        continue;
      const step = nextStep(record.pod, ofPod(actual, uid), Date.now(), this.#hasStarted);
      const known = this.#admissions.has(uid) || hasFinished(record.pod, ofPod(actual, uid));
      if ((known && (!step || step.do === 'wait')) || this.#inTurn.busy(uid)) continue;
      this.exclusively(uid, () => this.#sync(uid, signal)).catch((error) => this.#failed(record, error));
    }
  }

  readonly #hasStarted: HasStarted = ({ id }, container) => this.#probes.isStarted(id, container);

  /** Ends a container that its probes have given up: what its policy says happens next, as after any end. */
  #unhealthy(target: ProbeTarget, kind: ProbeKind, message: string): void {
    const { uid, id, container } = target;
    const probe = kind === 'startup' ? container.startupProbe : container.livenessProbe;
    const end = async (signal: AbortSignal) => {
      const record = this.#records.get(uid);
      if (!record) return;
      const { containers } = await actualPod(this.#options.runtime, uid, signal);
      if (!containers.some((item) => item.id === id && item.state === 'running')) return;
      this.#tell(
        record,
        'warn',
        `container ${container.name} failed its ${kind} probe, it is ended: ${message}`,
      );
      const grace = probe?.terminationGracePeriodSeconds ?? gracePeriod(record.pod);
      const complain = (error: unknown) => this.#tell(record, 'warn', messageOf(error));
      await endContainer(this.#options, { uid, id, container }, grace, complain, signal);
    };
    this.exclusively(uid, end).catch((error) => {
      const record = this.#records.get(uid);
      if (record) this.#failed(record, error);
    });
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

  async #sync(uid: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const record = this.#records.get(uid);
      if (!record || record.restoring || record.drained) return;
      const actual = await actualPod(this.#options.runtime, uid, signal);
      if (!hasFinished(record.pod, actual)) await this.admit(record, signal);
      const step = nextStep(record.pod, actual, Date.now(), this.#hasStarted);
      if (!step || step.do === 'wait') break;
      await this.#parts.take(record, step, signal);
    }
    this.#troubles.delete(uid);
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
    if (this.#stopping.signal.aborted) return;
    const { uid } = record.pod.metadata;
    const failures = (this.#troubles.get(uid)?.failures ?? 0) + 1;
    const message = messageOf(error);
    const retryAt = Date.now() + Math.min(lastPause, firstPause * 2 ** Math.min(failures - 1, 10));
    if (this.#troubles.get(uid)?.message !== message) {
      this.#options.log('error', `pod ${podName(record.pod)}: ${message}`, { uid });
    }
    if (this.#troubles.get(uid)?.message !== message) this.#events.add(uid, 'warn', message);
    this.#troubles.set(uid, { message, failures, retryAt, rejected: error instanceof RejectedError });
  }
}

function uidOf({ pod }: PodRecord): string {
  return pod.metadata.uid;
}

/** The pod's ConfigMaps and Secrets as they are now; undefined where some are missing. */
function resolved(record: PodRecord, current: readonly ConfigObject[]): ConfigObject[] | undefined {
  try {
    return configurationOf(record.pod, current, record.configuration ?? []);
  } catch {
    return undefined;
  }
}

/** The containers of a pod that run and have probes. */
function probed({ pod }: PodRecord, actual: ActualPod): ProbeTarget[] {
  const { uid } = pod.metadata;
  const lasting = lastingContainers(pod);
  return ofPod(actual, uid).containers.flatMap(({ id, name, sandboxId, state, createdAt }) => {
    const container = lasting.find((item) => item.name === name);
    if (state !== 'running' || !container) return [];
    if (!container.startupProbe && !container.livenessProbe && !container.readinessProbe) return [];
    return [{ uid, sandboxId, id, container, since: Number(createdAt / 1_000_000n) }];
  });
}

/** What there is of one pod, out of what there is of all. */
export function ofPod(actual: ActualPod, uid: string): ActualPod {
  const sandboxes = actual.sandboxes.filter((sandbox) => sandbox.uid === uid);
  const ids = new Set(sandboxes.map(({ id }) => id));
  return { sandboxes, containers: actual.containers.filter(({ sandboxId }) => ids.has(sandboxId)) };
}
