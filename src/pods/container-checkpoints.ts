import { randomInt } from 'node:crypto';
import { closeSync, fchmodSync, fstatSync, fsync, openSync } from 'node:fs';
import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bodies, type CheckpointTarget, effectiveTimeout } from '../api/kubelet-checkpoint.ts';
import type { WatchRuntime } from '../api/runtime-events.ts';
import { CodedError } from '../errors/coded-error.ts';
import { ContainerState } from '../gen/cri/v1/api_pb.ts';
import { isTemporaryName, privateDirectory, privateFile } from '../localfs/atomic-file.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import type { Checkpointer, FinishedCheckpoint } from './checkpointer.ts';
import type { FreeSpace } from './free-space.ts';
import { InTurn } from './in-turn.ts';
import { labels } from './labels.ts';
import { memoryOf } from './memory-estimate.ts';
import type { Runtime } from './pod-runtime.ts';
import { CheckpointProgress, type Tell } from './progress.ts';
import { publishArchive } from './publish-archive.ts';
import { fromRpc, hintOf, rpcErrorText } from './rpc-error.ts';

export interface ContainerCheckpointOptions {
  runtime: Runtime;
  /** `<root>/checkpoints` */
  directory: string;
  /** Seconds; the kubelet's `runtimeRequestTimeout`. */
  runtimeRequestTimeout: number;
  space: FreeSpace;
  /** What a second checkpoint of a container does while the first is being made. */
  whenBusy?: WhenBusy;
  /** How to learn what the runtime is doing, where it tells. */
  watch?: WatchRuntime;
  /** Containers of a pod that this node runs itself, also of those that do not exist yet. */
  knownContainers(namespace: string, pod: string): readonly string[] | undefined;
  /** Milliseconds since 1970; Date.now where left out. */
  now?: () => number;
}

/** It waits, or is refused: because there is one already (409), or because it may be tried again (429). */
export const whenBusy = ['wait', 'conflict', 'refuse'] as const;
export type WhenBusy = (typeof whenBusy)[number];

/** Milliseconds for which a list of a pod's containers is as good as a new one: the same request has just asked. */
const fresh = 50;

const syncLater = promisify(fsync);

/** Longest time that a timer can wait, in milliseconds. */
const longestTimer = 2 ** 31 - 1;

/** A container of a pod, as the runtime lists it. */
interface Listed {
  id: string;
  name: string;
  running: boolean;
}

/**
 * Checkpoints of single containers through the container runtime, with the kubelet's rules and file names.
 * Where the kubelet lets the runtime write under the final name, here it writes under a temporary one: what is
 * visible is complete, and no archive ever replaces another.
 */
export class ContainerCheckpoints implements Checkpointer {
  readonly #options: ContainerCheckpointOptions;
  readonly #inTurn = new InTurn();
  #listed: { namespace: string; pod: string; at: number; containers: readonly Listed[] } | undefined;

  constructor(options: ContainerCheckpointOptions) {
    this.#options = options;
  }

  /** Makes the directory, and removes what an earlier process left unfinished in it. */
  async prepare(): Promise<void> {
    const { directory } = this.#options;
    await makeDirectories(directory, privateDirectory);
    await chmod(directory, privateDirectory);
    for (const name of (await readdir(directory)).filter(isTemporaryName)) {
      await rm(join(directory, name), { recursive: true, force: true });
    }
  }

  async containersOf(
    namespace: string,
    pod: string,
    signal: AbortSignal,
  ): Promise<readonly string[] | undefined> {
    const known = this.#options.knownContainers(namespace, pod) ?? [];
    const found = (await this.#list(namespace, pod, signal)).map(({ name }) => name);
    const all = new Set([...known, ...found]);
    return all.size > 0 ? [...all] : undefined;
  }

  async checkpoint(
    target: CheckpointTarget,
    timeout: bigint,
    signal: AbortSignal,
    tell?: Tell,
  ): Promise<FinishedCheckpoint> {
    const key = `${target.namespace}/${target.pod}/${target.container}`;
    if (this.#inTurn.busy(key)) this.#refuseSecond(key);
    tell?.({ stage: 'waiting' });
    let begun = false;
    const mine = this.#inTurn.run(key, () => {
      begun = true;
      return this.#checkpoint(target, timeout, signal, tell);
    });
    // Who has gone does not wait for its turn; what has begun is waited for, until nothing of it is left.
    const gone = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => !begun && reject(signal.reason), { once: true });
    });
    return Promise.race([mine, gone]);
  }

  #refuseSecond(key: string): void {
    const text = `container ${key} is being checkpointed already`;
    if (this.#options.whenBusy === 'conflict')
      throw new CodedError('already-exists', text, { data: { second: true } });
    if (this.#options.whenBusy === 'refuse') throw new CodedError('busy', text, { data: { second: true } });
  }

  async #checkpoint(
    target: CheckpointTarget,
    asked: bigint,
    signal: AbortSignal,
    tell: Tell | undefined,
  ): Promise<FinishedCheckpoint> {
    signal.throwIfAborted();
    const { runtime, space, watch, directory, runtimeRequestTimeout } = this.#options;
    const { namespace, pod, container } = target;
    const listed = this.#justListed(namespace, pod) ?? (await this.#list(namespace, pod, signal));
    const running = listed.find((item) => item.running && item.name === container);
    if (!running) throw new CodedError('failed-precondition', bodies.notRunning(container));
    if (asked < 0n) throw new CodedError('invalid-argument', bodies.negativeTimeout);
    const timeout = effectiveTimeout(asked, runtimeRequestTimeout);
    const memory = () => memoryOf(runtime, [running.id], signal);
    // Where nobody is told how far it goes, it matters only if there is little room.
    const estimated = tell ? await memory() : 0;
    await space.check(tell ? estimated : memory);
    const temporary = join(directory, `.${randomInt(2 ** 47)}`);
    const progress = new CheckpointProgress([running.id], watch, estimated, tell ?? (() => undefined));
    try {
      const size = await space.during(signal, (again) =>
        this.#capture(running.id, temporary, timeout, again),
      );
      const path = await publishArchive(temporary, directory, target, this.#options.now);
      const { frozenMicroseconds } = progress;
      return { path, size, ...(frozenMicroseconds === undefined ? {} : { frozenMicroseconds }) };
    } finally {
      await progress.settled();
      progress.close();
      await rm(temporary, { force: true });
    }
  }

  /** @returns bytes of the archive, which is on disk */
  async #capture(
    containerId: string,
    location: string,
    timeout: number,
    signal: AbortSignal,
  ): Promise<number> {
    try {
      await this.#options.runtime.checkpointContainer(
        { containerId, location, timeout: BigInt(Math.round(timeout)) },
        { signal, timeoutMs: Math.min(longestTimer, timeout * 1000) },
      );
    } catch (error) {
      const hint = hintOf(error);
      throw new CodedError(fromRpc('', error).code, rpcErrorText(error), {
        cause: error,
        ...(hint === undefined ? {} : { hint }),
      });
    }
    const fd = openSync(location, 'r');
    try {
      fchmodSync(fd, privateFile);
      await syncLater(fd);
      return fstatSync(fd).size;
    } finally {
      closeSync(fd);
    }
  }

  #justListed(namespace: string, pod: string): readonly Listed[] | undefined {
    const last = this.#listed;
    if (last?.namespace !== namespace || last.pod !== pod) return undefined;
    return performance.now() - last.at <= fresh ? last.containers : undefined;
  }

  /** Newest first. */
  async #list(namespace: string, pod: string, signal: AbortSignal): Promise<readonly Listed[]> {
    const at = performance.now();
    const labelSelector = { [labels.podNamespace]: namespace, [labels.podName]: pod };
    const answer = await this.#options.runtime
      .listContainers({ filter: { labelSelector } }, { signal, timeoutMs: 120_000 })
      .catch((error: unknown) => {
        throw new CodedError('internal', rpcErrorText(error), { cause: error });
      });
    const containers = answer.containers
      .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
      .map((item) => ({
        id: item.id,
        name: item.labels[labels.containerName] ?? item.metadata?.name ?? '',
        running: item.state === ContainerState.CONTAINER_RUNNING,
      }));
    this.#listed = { namespace, pod, at, containers };
    return containers;
  }
}
