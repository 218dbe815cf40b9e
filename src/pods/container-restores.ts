import { randomUUID } from 'node:crypto';
import { indexTar, openEntry } from '../archive/tar-index.ts';
import { strictTextOf } from '../bytes/text.ts';
import { memberNames, podMemberNames } from '../checkpoint/layout.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { openFileSource } from '../localfs/file-source.ts';
import { labels } from './labels.ts';
import type { Log, NodePods } from './node-pods.ts';
import type { Container, Pod } from './pod.ts';
import type { PodDirectories } from './pod-directories.ts';
import { createContainer, type Runtime, runSandbox, startContainer } from './pod-runtime.ts';
import type { PodRecord } from './pod-store.ts';

/** Bytes of a descriptive member that we are willing to read. */
const descriptionLimit = 16 << 20;

/** What is needed of a container archive to make a pod around it. */
export interface ContainerOrigin {
  container: string;
  image: string;
  /** The pod that it was part of, where the archive tells. */
  namespace: string;
  pod: string;
}

/** Whether the file is the archive of a container or of a pod. @throws CodedError `unsupported` for others. */
export async function kindOfArchive(path: string, signal: AbortSignal): Promise<'container' | 'pod'> {
  const source = await openFileSource(path);
  try {
    const index = await indexTar(source, { signal });
    if (index.content(memberNames.configDump)) return 'container';
    if (index.content(podMemberNames.podDump)) return 'pod';
    throw new CodedError('unsupported', `${path} is no checkpoint: it has neither config.dump nor pod.dump`);
  } finally {
    await source.close();
  }
}

/** Who the container of an archive was. The archive may come from anyone. */
export async function readContainerOrigin(path: string, signal: AbortSignal): Promise<ContainerOrigin> {
  const source = await openFileSource(path);
  try {
    const index = await indexTar(source, { signal });
    const read = async (name: string): Promise<Record<string, unknown>> => {
      const entry = index.content(name);
      if (!entry) throw new CodedError('corrupt', `${path} has no ${name}`);
      if (entry.size > descriptionLimit) {
        throw new CodedError('resource-exhausted', `${name} in ${path} has ${entry.size} bytes`);
      }
      const bytes = await openEntry(source, entry).read(0, entry.size, signal);
      try {
        const value: unknown = JSON.parse(strictTextOf(bytes) ?? '');
        if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
      } catch (error) {
        throw new CodedError('corrupt', `${name} in ${path} is not JSON: ${messageOf(error)}`);
      }
      throw new CodedError('corrupt', `${name} in ${path} is no object`);
    };
    const config = await read(memberNames.configDump);
    const spec = await read(memberNames.specDump);
    return originOf(config, (spec['annotations'] ?? {}) as Record<string, unknown>);
  } finally {
    await source.close();
  }
}

function originOf(config: Record<string, unknown>, marks: Record<string, unknown>): ContainerOrigin {
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  const first = (...keys: string[]) =>
    keys.map((key) => text(marks[key])).find((value) => value !== '') ?? '';
  return {
    container:
      first(labels.containerName, 'io.kubernetes.cri.container-name') || text(config['name']) || 'container',
    image: text(config['rootfsImageName']) || text(config['rootfsImageRef']),
    namespace: first(labels.podNamespace, 'io.kubernetes.cri.sandbox-namespace'),
    pod: first(labels.podName, 'io.kubernetes.cri.sandbox-name'),
  };
}

export interface ContainerRestoreOptions {
  runtime: Runtime;
  pods: NodePods;
  directories: PodDirectories;
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
  async restore(
    archive: string,
    as: { namespace?: string; name?: string },
    signal: AbortSignal,
  ): Promise<PodRecord> {
    const { pods, log } = this.#options;
    const origin = await readContainerOrigin(archive, signal);
    const pod = this.#podFor(origin, as);
    const { namespace, name, uid } = pod.metadata;
    if (pods.find(namespace, name)) {
      throw new CodedError('already-exists', `this node has a pod ${namespace}/${name} already`, {
        hint: 'give the new pod another name with --name',
      });
    }
    const record: PodRecord = {
      pod,
      seen: new Date().toISOString(),
      restoredFrom: 'archive',
      restoring: true,
    };
    await pods.accept(record);
    return pods.exclusively(uid, async (stopping) => {
      try {
        return await this.#make(record, archive, AbortSignal.any([signal, stopping]));
      } catch (error) {
        log('error', `restoring ${archive}: ${messageOf(error)}`);
        if (!stopping.aborted) setImmediate(() => void pods.remove(record, 0).catch(() => undefined));
        throw error;
      }
    });
  }

  #podFor(origin: ContainerOrigin, as: { namespace?: string; name?: string }): Pod {
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
        ...(source ? withoutOthers(source) : {}),
        containers: [container],
      },
    };
  }

  async #make(record: PodRecord, archive: string, signal: AbortSignal): Promise<PodRecord> {
    const { runtime, pods, directories, log } = this.#options;
    await directories.prepare(record.pod);
    const sandbox = pods.sandboxConfig(record, 0);
    const sandboxId = await runSandbox(runtime, sandbox, signal);
    for (const container of record.pod.spec.containers) {
      const config = await pods.containerConfig(record, container, 0, archive);
      const id = await createContainer(runtime, sandboxId, config, sandbox, signal);
      await startContainer(runtime, id, container.name, signal);
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
