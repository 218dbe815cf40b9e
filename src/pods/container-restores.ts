import { randomUUID } from 'node:crypto';
import { tcpClose } from '../api/cri-options.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { readIdentity } from '../checkpoint/identity.ts';
import { archiveKind } from '../checkpoint/layout.ts';
import { CodedError, isCoded, messageOf } from '../errors/coded-error.ts';
import { openCheckpoint } from '../localfs/open-checkpoint.ts';
import type { Log, NodePods } from './node-pods.ts';
import type { Container, Pod } from './pod.ts';
import type { PodDirectories } from './pod-directories.ts';
import { createContainer, type Runtime, runSandbox } from './pod-runtime.ts';
import type { PodRecord } from './pod-store.ts';
import { type RestoreAs, withVolumes } from './restore-as.ts';
import { type RestoreForecast, restoreForecast } from './restore-dry-run.ts';
import { type CompareWithNode, lacking, preflight, sharedWithPod } from './restore-preflight.ts';

/** What is needed of a container archive to make a pod around it. */
export interface ContainerOrigin {
  container: string;
  image: string;
  /** The pod that it was part of, where the archive tells. */
  namespace: string;
  pod: string;
  /** What a new pod has to be for the container. */
  shared: Pick<Pod['spec'], 'hostNetwork' | 'shareProcessNamespace'>;
}

/** Whether the file is the archive of a container or of a pod. @throws CodedError `unsupported` for others. */
export async function kindOfArchive(path: string, signal: AbortSignal): Promise<'container' | 'pod'> {
  const kind = await looking(path, signal, async (checkpoint) => {
    const members = await checkpoint.members(signal);
    return archiveKind((name) => members.get(name) !== undefined);
  });
  if (kind) return kind;
  throw new CodedError('unsupported', `${path} is no checkpoint: it has neither config.dump nor pod.dump`);
}

/** Who the container of an archive was, whatever engine made it. The archive may come from anyone. */
export async function readContainerOrigin(path: string, signal: AbortSignal): Promise<ContainerOrigin> {
  const { identity, shared } = await looking(path, signal, async (checkpoint) => ({
    identity: await readIdentity(checkpoint, signal),
    shared: await sharedWithPod(checkpoint),
  }));
  return {
    container: identity.name || 'container',
    image: identity.imageRequested || identity.image || identity.imageRef,
    namespace: identity.namespace,
    pod: identity.pod,
    shared,
  };
}

async function looking<T>(
  path: string,
  signal: AbortSignal,
  look: (checkpoint: Checkpoint) => Promise<T>,
): Promise<T> {
  try {
    const checkpoint = await openCheckpoint(path, { signal });
    try {
      return await look(checkpoint);
    } finally {
      await checkpoint.close();
    }
  } catch (error) {
    if (isCoded(error) && error.message.includes(path)) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const code = missing ? 'not-found' : isCoded(error) ? error.code : 'internal';
    const text = missing ? 'no such file or directory' : messageOf(error);
    throw new CodedError(code, `reading ${path}: ${text}`, { cause: error });
  }
}

export interface ContainerRestoreOptions {
  runtime: Runtime;
  pods: NodePods;
  directories: PodDirectories;
  compare: CompareWithNode;
  log: Log;
}

/** Makes new pods around containers that continue from their archives. */
export class ContainerRestores {
  readonly #options: ContainerRestoreOptions;

  constructor(options: ContainerRestoreOptions) {
    this.#options = options;
  }

  /**
   * A new pod with one container that continues from `archive`. What the archive does not tell about the pod
   * (volumes, limits) is taken from the pod it came from, where this node has it.
   */
  async restore(archive: string, as: RestoreAs, signal: AbortSignal): Promise<PodRecord> {
    const { pods, log } = this.#options;
    const pod = await this.#podOf(archive, as, signal);
    const { namespace, name, uid } = pod.metadata;
    if (pods.find(namespace, name)) {
      throw new CodedError('already-exists', `this node has a pod ${namespace}/${name} already`, {
        hint: 'give the new pod another name with --name',
      });
    }
    const { compare } = this.#options;
    const [container] = pod.spec.containers;
    const ensureImage = (one: Container, stop: AbortSignal) => pods.ensureImage(one, stop);
    await looking(archive, signal, async (checkpoint) => {
      if (container) await preflight(checkpoint, pod, container, { compare, ensureImage, signal });
    });
    const record: PodRecord = {
      pod,
      seen: new Date().toISOString(),
      restoredFrom: 'archive',
      restoring: true,
    };
    await pods.accept(record);
    return pods.exclusively(uid, async (stopping) => {
      try {
        return await this.#make(record, archive, AbortSignal.any([signal, stopping]), as.tcp);
      } catch (error) {
        log('error', `restoring ${archive}: ${messageOf(error)}`);
        if (!stopping.aborted) setImmediate(() => void pods.remove(record, 0).catch(() => undefined));
        throw error;
      }
    });
  }

  /** What {@link restore} would meet. Nothing is made. */
  async forecast(archive: string, as: RestoreAs, signal: AbortSignal): Promise<RestoreForecast> {
    const { pods, compare } = this.#options;
    const pod = await this.#podOf(archive, as, signal);
    const [container] = pod.spec.containers;
    return restoreForecast(pods, pod, (ensureImage) =>
      looking(archive, signal, async (checkpoint) =>
        container ? lacking(checkpoint, pod, container, { compare, ensureImage, signal }) : [],
      ),
    );
  }

  async #podOf(archive: string, as: RestoreAs, signal: AbortSignal): Promise<Pod> {
    const origin = await readContainerOrigin(archive, signal);
    return withVolumes(this.#podFor(origin, as, await this.#isOwn(signal)), as.volumes);
  }

  /** The built-in runtime gives a container back what it shared with its pod; others need such a pod. */
  async #isOwn(signal: AbortSignal): Promise<boolean> {
    const { runtimeName } = await this.#options.runtime.version({}, { signal, timeoutMs: 10_000 });
    return runtimeName === 'stasis';
  }

  #podFor(origin: ContainerOrigin, as: { namespace?: string; name?: string }, own: boolean): Pod {
    const source = this.#options.pods.find(origin.namespace, origin.pod)?.pod;
    const described = source?.spec.containers.find(({ name }) => name === origin.container);
    const container: Container = described ?? {
      name: label(origin.container),
      image: origin.image,
    };
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: as.name ?? `restored-${container.name}`.slice(0, 63),
        namespace: as.namespace ?? (label(origin.namespace) || 'default'),
        uid: randomUUID(),
      },
      spec: {
        ...(source ? withoutOthers(source) : own ? {} : origin.shared),
        containers: [container],
      },
    };
  }

  async #make(
    record: PodRecord,
    archive: string,
    signal: AbortSignal,
    tcp?: RestoreAs['tcp'],
  ): Promise<PodRecord> {
    const { runtime, pods, log } = this.#options;
    await pods.admit(record, signal);
    await pods.prepare(record);
    const sandbox = pods.sandboxConfig(record, 0);
    const sandboxId = await runSandbox(runtime, sandbox, signal);
    for (const container of record.pod.spec.containers) {
      // Where it cannot be had, the runtime says which image it misses, and whether it needs it at all.
      await pods.ensureImage(container, signal).catch(() => undefined);
      const config = await pods.containerConfig(record, container, { restarts: 0, image: archive }, signal);
      if (tcp === 'close') config.annotations[tcpClose] = 'true';
      const id = await createContainer(runtime, sandboxId, config, sandbox, signal);
      await pods.startContainer(record, { id, name: container.name }, signal);
    }
    const { restoring: _restoring, ...restored } = record;
    await pods.accept(restored);
    log('info', `container restored from ${archive}`, { sandbox: sandboxId });
    return restored;
  }
}

/** The pod's own part of a description: volumes, network, identity, but no other container. */
function withoutOthers({ spec }: Pod): Omit<Pod['spec'], 'containers' | 'initContainers'> {
  const { containers: _containers, initContainers: _initContainers, ...rest } = spec;
  return rest;
}

/** A DNS label out of any text. */
function label(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 54);
}
