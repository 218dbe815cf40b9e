import { type ConfigObject, configurationOf } from './configuration.ts';
import { contentHash } from './manifest.ts';
import type { Log, NodePods } from './node-pods.ts';
import { type Pod, podName } from './pod.ts';
import type { PodRecord } from './pod-store.ts';

export interface ManifestChangesOptions {
  pods: NodePods;
  /** Whether something is being done to a pod. */
  busy(uid: string): boolean;
  failed(record: PodRecord, error: unknown): void;
  log: Log;
}

/** Makes the node's pods those of its manifests, with the ConfigMaps and Secrets that stand beside them. */
export class ManifestChanges {
  readonly #options: ManifestChangesOptions;
  #configuration: readonly ConfigObject[] = [];

  constructor(options: ManifestChangesOptions) {
    this.#options = options;
  }

  /** ConfigMaps and Secrets as they are now. */
  get configuration(): readonly ConfigObject[] {
    return this.#configuration;
  }

  /** Accepts pods of new manifests, replaces those of changed ones, ends those of removed ones. */
  async apply(manifests: ReadonlyMap<string, Pod>): Promise<void> {
    const { pods, log } = this.#options;
    const wanted = new Set<string>();
    for (const [file, pod] of manifests) {
      const known = pods.find(pod.metadata.namespace, pod.metadata.name);
      const manifest = { file, hash: contentHash(pod) };
      if (known) wanted.add(known.pod.metadata.uid);
      if (!known) {
        if (!pods.drained) await this.#acceptNew(pod, manifest);
      } else if (!known.manifest || (known.manifest.hash === manifest.hash && known.manifest.file !== file)) {
        // A restored pod meets its manifest, or the file was renamed: the pod that runs is the one.
        await pods.accept({ ...known, manifest });
      } else if (known.manifest.hash !== manifest.hash && !pods.drained) {
        log('info', `pod ${podName(pod)}: its manifest has changed, it is replaced`);
        this.#end(known, () => this.#acceptNew(pod, manifest));
      }
    }
    for (const record of pods.records()) {
      if (!record.manifest || wanted.has(record.pod.metadata.uid)) continue;
      if (manifests.has(record.manifest.file) && pods.drained) continue;
      const found = [...manifests.values()].some((pod) => podName(pod) === podName(record.pod));
      if (!found) this.#end(record);
    }
  }

  /** Takes over ConfigMaps and Secrets: pods that run see the changes in their volumes. */
  useConfiguration(configuration: readonly ConfigObject[]): void {
    const { pods, failed } = this.#options;
    this.#configuration = configuration;
    pods.reconsider();
    for (const record of pods.records()) {
      if (!record.configuration || record.drained || record.restoring) continue;
      const next = resolved(record, configuration);
      if (!next || JSON.stringify(next) === JSON.stringify(record.configuration)) continue;
      const { uid } = record.pod.metadata;
      pods
        .exclusively(uid, async () => {
          const current = pods.byUid(uid);
          if (current) await pods.prepare(current);
        })
        .catch((error) => failed(record, error));
    }
  }

  async #acceptNew(pod: Pod, manifest: { file: string; hash: string }): Promise<void> {
    const { pods, log } = this.#options;
    log('info', `pod ${podName(pod)} is accepted`, { uid: pod.metadata.uid, file: manifest.file });
    await pods.accept({ pod, manifest, seen: new Date().toISOString() });
  }

  #end(record: PodRecord, then?: () => Promise<void>): void {
    const { pods, busy, failed } = this.#options;
    if (busy(record.pod.metadata.uid)) return;
    pods
      .remove(record)
      .then(then)
      .catch((error) => failed(record, error));
  }
}

/** The pod's ConfigMaps and Secrets as they are now; undefined where some are missing. */
function resolved(record: PodRecord, current: readonly ConfigObject[]): ConfigObject[] | undefined {
  try {
    return configurationOf(record.pod, current, record.configuration ?? []);
  } catch {
    return undefined;
  }
}
