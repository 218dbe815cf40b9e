import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CheckpointDescription, CheckpointSummary, Pin } from '../api/stasis.ts';
import { parseFileName } from '../checkpoint/file-name.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { syncDirectory, writeFileAtomic } from '../localfs/atomic-file.ts';
import type { CheckpointsDirectory } from '../localfs/checkpoints-directory.ts';
import { describedContainers } from './described-containers.ts';
import { InTurn } from './in-turn.ts';

/** Beside an archive that is pinned: who keeps it, since when and why. */
const pinSuffix = '.keep';
/** Longest pin that is read, in bytes. */
const longestPin = 1 << 16;

export interface KeptCheckpointOptions {
  directory: CheckpointsDirectory;
  /** Whether this node has such a pod: tells readings of a file name apart. */
  hasPod(namespace: string, name: string): boolean;
  now?: () => number;
}

/** The archives in the checkpoints directory. One that is pinned is kept from being deleted. */
export class KeptCheckpoints {
  readonly #options: KeptCheckpointOptions;
  readonly #inTurn = new InTurn();

  constructor(options: KeptCheckpointOptions) {
    this.#options = options;
  }

  /** Path of the directory. */
  get directory(): string {
    return this.#options.directory.path;
  }

  async list(): Promise<CheckpointSummary[]> {
    const { directory } = this.#options;
    const listed = new Map((await directory.list()).map((item) => [`${item.pod.sandboxId}.tar`, item.pod]));
    const names = await readdir(directory.path).catch(() => [] as string[]);
    const pins = new Set(names.filter((name) => name.endsWith(pinSuffix)));
    const items: CheckpointSummary[] = [];
    for (const name of names.sort()) {
      if (!name.endsWith('.tar') || name.startsWith('.')) continue;
      const path = join(directory.path, name);
      const found = await stat(path).catch(() => undefined);
      if (!found?.isFile()) continue;
      const pinned = pins.has(name + pinSuffix);
      const common = { name, path, created: found.mtime.toISOString(), size: found.size, pinned };
      const pod = listed.get(name);
      if (pod) items.push({ ...common, kind: 'pod', namespace: pod.namespace, pod: pod.name });
      const read = pod ? undefined : this.#readingOf(name);
      if (read) items.push({ ...common, kind: 'container', ...read });
    }
    return items;
  }

  /** @throws CodedError `not-found` */
  async find(name: string): Promise<CheckpointSummary> {
    const found = (await this.list()).find((item) => item.name === name);
    if (found) return found;
    throw new CodedError('not-found', `this node has no checkpoint ${JSON.stringify(name)}`);
  }

  /** The archive may come from anyone: what is wrong with it is said, and the rest stands. */
  async describe(name: string, signal: AbortSignal): Promise<CheckpointDescription> {
    const found = await this.find(name);
    const pin = found.pinned ? await readPin(found.path) : undefined;
    const common = { ...found, ...(pin ? { pin } : {}) };
    try {
      return { ...common, containers: await describedContainers(found, signal) };
    } catch (error) {
      signal.throwIfAborted();
      return { ...common, containers: [], problem: messageOf(error) };
    }
  }

  /** Keeps an archive from being deleted; whoever pinned it last stands in the pin. */
  pin(name: string, by: string, reason: string): Promise<void> {
    return this.#inTurn.run(name, async () => {
      const { path } = await this.find(name);
      const pin: Pin = { by, at: new Date((this.#options.now ?? Date.now)()).toISOString(), reason };
      await writeFileAtomic(path + pinSuffix, new TextEncoder().encode(`${JSON.stringify(pin)}\n`));
    });
  }

  /** @throws CodedError `not-found`; one that is not pinned stays so */
  unpin(name: string): Promise<void> {
    return this.#inTurn.run(name, async () => this.#removePin((await this.find(name)).path));
  }

  /** @throws CodedError `not-found`; `failed-precondition` for one that is pinned, without `force` */
  delete(name: string, force: boolean): Promise<void> {
    return this.#inTurn.run(name, async () => {
      const { directory } = this.#options;
      const found = await this.find(name);
      if (found.pinned && !force) throw await pinnedError(found);
      if (found.kind === 'pod') await directory.remove([basename(name, '.tar')]);
      else {
        await rm(found.path);
        await syncDirectory(directory.path);
      }
      await this.#removePin(found.path);
    });
  }

  async #removePin(path: string): Promise<void> {
    await rm(path + pinSuffix, { force: true });
    await syncDirectory(this.#options.directory.path);
  }

  #readingOf(name: string) {
    const readings = parseFileName(name);
    const { hasPod } = this.#options;
    const read = readings.find(({ namespace, pod }) => hasPod(namespace, pod)) ?? readings[0];
    return read && { namespace: read.namespace, pod: read.pod, container: read.container };
  }
}

async function pinnedError({ name, path }: CheckpointSummary): Promise<CodedError> {
  const { by, at, reason } = await readPin(path);
  const why = reason === '' ? '' : `: ${reason}`;
  return new CodedError('failed-precondition', `checkpoint ${name} is pinned by ${by} since ${at}${why}`, {
    hint: 'unpin it first, or delete it by force',
  });
}

/** A pin that cannot be read still keeps its archive. */
async function readPin(archive: string): Promise<Pin> {
  const text = await readFile(archive + pinSuffix, 'utf8').catch(() => '');
  try {
    if (text.length > longestPin) throw new Error('too long');
    const { by, at, reason } = JSON.parse(text) as Record<string, unknown>;
    return { by: textOf(by), at: timeOf(at), reason: textOf(reason) };
  } catch {
    return { by: 'unknown', at: timeOf(undefined), reason: '' };
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function timeOf(value: unknown): string {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return new Date(Number.isNaN(at) ? 0 : at).toISOString();
}
