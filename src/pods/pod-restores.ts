import { basename } from 'node:path';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { isSandboxId } from '../kubeletstate/checkpointed-pods.ts';
import { podAs } from './archived-pod.ts';
import { openContainer } from './described-containers.ts';
import { ListedRestores, type ListedRestoresOptions } from './listed-restores.ts';
import { readPodArchive } from './pod-archive.ts';
import { PodRestorer, type PodRestorerOptions } from './pod-restorer.ts';
import type { PodRecord } from './pod-store.ts';
import { containersLack, podLacks, type RestoreAs } from './restore-as.ts';
import { type RestoreForecast, restoreForecast } from './restore-dry-run.ts';
import type { CompareWithNode } from './restore-preflight.ts';

export interface PodRestoreOptions extends PodRestorerOptions, Omit<ListedRestoresOptions, 'restorer'> {
  /** As `compare`, for whoever only asks what a restore would meet. */
  forecastCompare: CompareWithNode;
}

/** Brings pods back from their archives: those of `checkpointed.pods` at the start, others when a client asks. */
export class PodRestores {
  readonly #options: PodRestoreOptions;
  readonly #restorer: PodRestorer;
  readonly #listed: ListedRestores;

  constructor(options: PodRestoreOptions) {
    this.#options = options;
    this.#restorer = new PodRestorer(options);
    this.#listed = new ListedRestores({ ...options, restorer: this.#restorer });
  }

  /** See {@link ListedRestores.plan}. What an earlier process had unpacked is removed first. */
  async plan(signal: AbortSignal): Promise<() => Promise<void>> {
    await this.#restorer.clearScratch();
    return this.#listed.plan(signal);
  }

  /** See {@link ListedRestores.endDrained}. */
  endDrained(signal: AbortSignal): Promise<void> {
    return this.#listed.endDrained(signal);
  }

  /**
   * Restores a pod archive as a pod of this node, under another name if one is given.
   * @throws CodedError `already-exists` where the node has a pod of that name
   */
  async restorePod(archive: string, as: RestoreAs, signal: AbortSignal): Promise<PodRecord> {
    const { pods, log } = this.#options;
    const pod = podAs(await readPodArchive(archive, signal), as);
    const { metadata } = pod;
    if (pods.find(metadata.namespace, metadata.name)) {
      throw new CodedError(
        'already-exists',
        `this node has a pod ${metadata.namespace}/${metadata.name} already`,
        {
          hint: 'give it another name, or remove the pod first',
        },
      );
    }
    const id = basename(archive, '.tar');
    const record: PodRecord = {
      pod,
      seen: new Date().toISOString(),
      restoredFrom: isSandboxId(id) ? id : 'archive',
      restoring: true,
    };
    await pods.accept(record);
    return pods.exclusively(metadata.uid, async (stopping) => {
      try {
        return await this.#restorer.restore(record, archive, AbortSignal.any([signal, stopping]), as.tcp);
      } catch (error) {
        log('error', `restoring ${archive}: ${messageOf(error)}`);
        if (!stopping.aborted) setImmediate(() => void pods.remove(record, 0).catch(() => undefined));
        throw error;
      }
    });
  }

  /** What {@link restorePod} would meet. Nothing is made, and nothing unpacked. */
  async forecast(archive: string, as: RestoreAs, signal: AbortSignal): Promise<RestoreForecast> {
    const { pods, forecastCompare: compare } = this.#options;
    const description = await readPodArchive(archive, signal);
    const pod = podAs(description, as);
    const names = Object.keys(description.containers);
    const open = async (name: string) =>
      names.includes(name) ? openContainer({ path: archive, kind: 'pod' }, name, signal) : undefined;
    return restoreForecast(pods, pod, async (ensureImage) => {
      const { places, images } = await podLacks(pod, names, ensureImage, signal);
      const inside = await containersLack(pod, open, { compare, ensureImage, signal });
      return [...places, ...images, ...inside];
    });
  }
}
