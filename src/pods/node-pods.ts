import type { PodSummary } from '../api/stasis.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { Admissions, RejectedError } from './admissions.ts';
import { containerConfig, sandboxConfig } from './cri-config.ts';
import { InTurn } from './in-turn.ts';
import { contentHash } from './manifest.ts';
import { hasFinished, nextStep, type Step } from './next-step.ts';
import type { NodeResources } from './node-resources.ts';
import { allContainers, type Container, gracePeriod, type Pod, podName } from './pod.ts';
import type { PodDirectories } from './pod-directories.ts';
import {
  type ActualPod,
  actualPod,
  createContainer,
  ensureImage,
  type Images,
  type Runtime,
  removeContainer,
  removeSandbox,
  runSandbox,
  startContainer,
} from './pod-runtime.ts';
import type { PodRecord, PodStore } from './pod-store.ts';
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
  readonly #admitting = new InTurn();
  readonly #troubles = new Map<string, Trouble>();
  readonly #admissions: Admissions;
  readonly #stopping = new AbortController();
  #looking: Promise<void> = Promise.resolve();
  /** Whether the node was drained: pods of new manifests are held back. */
  drained = false;

  constructor(options: NodePodsOptions) {
    this.#options = options;
    this.#admissions = new Admissions(options.resources, (message) => options.log('error', message));
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
  async accept(record: PodRecord): Promise<void> {
    await this.#options.store.save(record);
    this.#records.set(record.pod.metadata.uid, record);
  }

  /**
   * Sees to it that the pod has what its containers get for themselves; once in the life of this process. To be
   * called before anything is made of the pod, while it is held exclusively.
   * @throws RejectedError
   */
  async admit({ pod }: PodRecord, signal: AbortSignal): Promise<void> {
    const { uid } = pod.metadata;
    if (this.#admissions.has(uid)) return;
    // One pod after the other: who is alive is true until the answer is there.
    await this.#admitting.run('', async () => {
      const actual = await actualPod(this.#options.runtime, undefined, signal);
      const alive = this.records().filter((record) => !hasFinished(record.pod, ofPod(actual, uidOf(record))));
      const mine = ofPod(actual, uid);
      const running = mine.containers.filter(({ state }) => state === 'running');
      const facts = {
        alive: new Set([uid, ...alive.map(uidOf)]),
        running: new Set(running.map(({ name }) => name)),
      };
      const lives = mine.sandboxes.some(({ ready }) => ready);
      await this.#admissions.admit(pod, facts, lives, signal);
    });
  }

  /** Tries pods again that were rejected: something on the node is free, or there, that was not. */
  reconsider(): void {
    for (const trouble of this.#troubles.values()) if (trouble.rejected) trouble.retryAt = 0;
  }

  /** Runs `work` while nobody else changes anything about this pod. */
  exclusively<T>(uid: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#inTurn.run(uid, () => work(this.#stopping.signal));
  }

  /** Says what is wrong with a pod; shown until something succeeds. */
  note(uid: string, message: string): void {
    this.#troubles.set(uid, { message, failures: 0, retryAt: 0 });
  }

  async summaries(signal: AbortSignal): Promise<PodSummary[]> {
    const actual = await actualPod(this.#options.runtime, undefined, signal);
    return this.records()
      .map((record) => this.summary(record, actual))
      .sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
  }

  summary(record: PodRecord, actual: ActualPod): PodSummary {
    const { uid } = record.pod.metadata;
    return summaryOf(record, ofPod(actual, uid), this.#troubles.get(uid)?.message ?? '');
  }

  /** Makes the node's pods those of its manifests: accepts new ones, replaces changed ones, ends removed ones. */
  async applyManifests(manifests: ReadonlyMap<string, Pod>): Promise<void> {
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

  /** Ends a pod and forgets it. @returns when it is gone */
  async remove(record: PodRecord, grace = gracePeriod(record.pod)): Promise<void> {
    const { uid } = record.pod.metadata;
    await this.exclusively(uid, async (signal) => {
      await this.stop(record, grace, signal);
      await this.#options.directories.remove(record.pod);
      await this.#options.store.remove(uid);
      this.#records.delete(uid);
      this.#troubles.delete(uid);
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
    const { runtime } = this.#options;
    const { sandboxes } = await actualPod(runtime, record.pod.metadata.uid, signal);
    await Promise.all(sandboxes.map(({ id }) => removeSandbox(runtime, id, grace, signal)));
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
    if (idle.length === 0) return;
    const actual = await actualPod(this.#options.runtime, undefined, signal);
    // Those that run keep what they have before others ask for it.
    const lives = (record: PodRecord) => ofPod(actual, uidOf(record)).sandboxes.some(({ ready }) => ready);
    for (const record of [...idle].sort((a, b) => Number(lives(b)) - Number(lives(a)))) {
      const uid = uidOf(record);
      if (record.restoring || record.drained || (this.#troubles.get(uid)?.retryAt ?? 0) > Date.now())
        continue;
      const step = nextStep(record.pod, ofPod(actual, uid), Date.now());
      const known = this.#admissions.has(uid) || hasFinished(record.pod, ofPod(actual, uid));
      if ((known && (!step || step.do === 'wait')) || this.#inTurn.busy(uid)) continue;
      this.exclusively(uid, () => this.#sync(uid, signal)).catch((error) => this.#failed(record, error));
    }
  }

  async #sync(uid: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const record = this.#records.get(uid);
      if (!record || record.restoring || record.drained) return;
      const actual = await actualPod(this.#options.runtime, uid, signal);
      if (!hasFinished(record.pod, actual)) await this.admit(record, signal);
      const step = nextStep(record.pod, actual, Date.now());
      if (!step || step.do === 'wait') break;
      await this.#take(record, step, signal);
    }
    this.#troubles.delete(uid);
  }

  async #take(record: PodRecord, step: Step, signal: AbortSignal): Promise<void> {
    const { runtime, directories, log } = this.#options;
    const { pod } = record;
    const name = podName(pod);
    if (step.do === 'run-sandbox') {
      await directories.prepare(pod);
      const id = await runSandbox(runtime, this.sandboxConfig(record, step.attempt), signal);
      log('info', `pod ${name} has a sandbox`, { sandbox: id, attempt: step.attempt });
    } else if (step.do === 'create-container') {
      await this.ensureImage(step.container, signal);
      const config = await this.containerConfig(record, step.container, step, signal);
      const sandbox = this.sandboxConfig(record, 0);
      await createContainer(runtime, step.sandboxId, config, sandbox, signal);
    } else if (step.do === 'start-container') {
      await this.startContainer(record, step, signal);
      log('info', `container ${step.name} of pod ${name} is started`, { container: step.id });
    } else if (step.do === 'remove-container') await removeContainer(runtime, step.id, signal);
    else if (step.do === 'remove-sandbox') await removeSandbox(runtime, step.id, gracePeriod(pod), signal);
  }

  /** Sees to it that the image of a container is on this node. */
  ensureImage(container: Container, signal: AbortSignal): Promise<void> {
    return ensureImage(this.#options.images, container.image, signal);
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
    { pod }: PodRecord,
    container: Container,
    as: { restarts: number; image?: string },
    signal: AbortSignal,
  ) {
    const grant = await this.#admissions.grant(pod, container, signal);
    const mounts = await this.#options.directories.mounts(pod, container);
    return containerConfig(pod, container, {
      restarts: as.restarts,
      mounts,
      grant,
      ...(as.image === undefined ? {} : { image: as.image }),
    });
  }

  /** Starts a container that was created. */
  async startContainer(
    { pod }: PodRecord,
    { id, name }: { id: string; name: string },
    signal: AbortSignal,
  ): Promise<void> {
    const container = allContainers(pod).find((item) => item.name === name);
    if (container) await this.#admissions.prestart(pod, container, id, signal);
    await startContainer(this.#options.runtime, id, name, signal);
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
    this.#troubles.set(uid, { message, failures, retryAt, rejected: error instanceof RejectedError });
  }
}

function uidOf({ pod }: PodRecord): string {
  return pod.metadata.uid;
}

/** What there is of one pod, out of what there is of all. */
export function ofPod(actual: ActualPod, uid: string): ActualPod {
  const sandboxes = actual.sandboxes.filter((sandbox) => sandbox.uid === uid);
  const ids = new Set(sandboxes.map(({ id }) => id));
  return { sandboxes, containers: actual.containers.filter(({ sandboxId }) => ids.has(sandboxId)) };
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end, { once: true });
  });
}
