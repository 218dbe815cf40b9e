import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clone, create } from '@bufbuild/protobuf';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import { tcpClose } from '../../api/cri-options.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { parseDump } from '../../checkpoint/dump-json.ts';
import { memberNames } from '../../checkpoint/layout.ts';
import { CodedError, messageOf } from '../../errors/coded-error.ts';
import {
  type ContainerConfig,
  ContainerConfigSchema,
  ImageSpecSchema,
  type RestorePodRequest,
  type RestorePodResponse,
  RestorePodResponseSchema,
  type RuntimeService,
} from '../../gen/cri/v1/api_pb.ts';
import { imagesOf } from '../../inspect/images.ts';
import { Problems } from '../../inspect/problems.ts';
import { restoreNeeds } from '../../inspect/restore-needs.ts';
import { openCheckpoint } from '../../localfs/open-checkpoint.ts';
import { matchedConfigs, podArchives, refuseMismatch } from '../builtin/pod-archives.ts';
import { criuSettings } from './care-for-restores.ts';

/** What a runtime without `RestorePod` is given back a pod with. */
export interface PodRemakeTools {
  /** Takes archives of any engine as images in `CreateContainer`. */
  runtime: Client<typeof RuntimeService>;
  /** As its makers write it. */
  title: string;
  /** Keeps connections inside the new pod until all its containers that have some are started. */
  hold(podSandboxId: string, containerIds: readonly string[]): Promise<void>;
}

/** Milliseconds for a sandbox: to make it, and to take it back. */
const sandboxMs = 120_000;

/**
 * CRI's RestorePod by other means: a new sandbox and, in it, each container made with its archive as image. They
 * are CREATED; the caller starts them, one after the other, and each continues when it is started. All archives are
 * looked at before anything is made; on failure nothing of the new pod is left.
 * @throws CodedError `invalid-argument` and `failed-precondition` for what does not fit, `unsupported`, `corrupt`
 */
export async function remakePod(
  { runtime, title, hold }: PodRemakeTools,
  request: RestorePodRequest,
  signal: AbortSignal,
): Promise<RestorePodResponse> {
  const { config, runtimeHandler, checkpointPath } = request;
  if (config === undefined) throw new CodedError('invalid-argument', 'config is missing');
  refuseOptions(request.options, title);
  const archives = await podArchives(checkpointPath);
  const configs = matchedConfigs(archives, request.containerConfigs);
  const pathOf = (name: string): string => join(checkpointPath, archives.get(name) ?? '');
  const connected = new Set<string>();
  for (const [name, one] of configs) {
    if (await hasConnections(name, one, pathOf(name), title, signal)) connected.add(name);
  }
  // Not given up in the middle: a sandbox whose id nobody learned could not be taken back.
  const { podSandboxId } = await runtime
    .runPodSandbox({ config, runtimeHandler }, { timeoutMs: sandboxMs })
    .catch(notYet);
  try {
    const restoredContainers: { name: string; containerId: string }[] = [];
    for (const [name, one] of configs) {
      signal.throwIfAborted();
      const made = clone(ContainerConfigSchema, one);
      made.image ??= create(ImageSpecSchema);
      made.image.image = pathOf(name);
      const { containerId } = await runtime
        .createContainer({ podSandboxId, config: made, sandboxConfig: config }, { signal })
        .catch(notYet)
        .catch((error: unknown) => {
          throw named(error, `container ${name}`);
        });
      restoredContainers.push({ name, containerId });
    }
    const held = restoredContainers.filter(({ name }) => connected.has(name));
    await hold(
      podSandboxId,
      held.map(({ containerId }) => containerId),
    );
    return create(RestorePodResponseSchema, { podSandboxId, restoredContainers });
  } catch (error) {
    const left = await takeBack(runtime, podSandboxId);
    throw left === undefined ? error : named(error, left);
  }
}

function refuseOptions(options: Readonly<Record<string, string>>, title: string): void {
  const [key] = Object.keys(options);
  if (key === undefined) return;
  if (key !== tcpClose) {
    throw new CodedError('invalid-argument', `option ${JSON.stringify(key)} is not supported by ${title}`);
  }
  throw new CodedError('unsupported', `${title} cannot be asked to close the connections of a restored pod`, {
    hint: 'write tcp-close into /etc/criu/crun.conf and /etc/criu/runc.conf and restore without the option, or use the built-in runtime',
  });
}

/** What is still being made or removed for a process that was killed is in the way for a moment only. */
function notYet(error: unknown): never {
  const { rawMessage, metadata } = ConnectError.from(error);
  if (!/ is reserved for /.test(rawMessage)) throw error;
  throw new ConnectError(rawMessage, Code.Aborted, metadata, undefined, error);
}

/** The error with words in front; its code, and the cause with its hint, stay. */
function named(error: unknown, words: string): ConnectError {
  const { rawMessage, code, metadata, cause } = ConnectError.from(error);
  return new ConnectError(`${words}: ${rawMessage}`, code, metadata, undefined, cause);
}

/** @returns what to say where it cannot be removed */
async function takeBack(
  runtime: Client<typeof RuntimeService>,
  podSandboxId: string,
): Promise<string | undefined> {
  try {
    await runtime.stopPodSandbox({ podSandboxId }, { timeoutMs: sandboxMs });
    await runtime.removePodSandbox({ podSandboxId }, { timeoutMs: sandboxMs });
    return undefined;
  } catch (error) {
    return `sandbox ${podSandboxId.slice(0, 13)} could not be removed (${messageOf(error)}) after`;
  }
}

/** Whether it has open ones. @throws CodedError for what is wrong with the archive, or with what is asked of it */
async function hasConnections(
  name: string,
  config: ContainerConfig,
  path: string,
  title: string,
  signal: AbortSignal,
): Promise<boolean> {
  const checkpoint = await openCheckpoint(path, { signal });
  try {
    refuseMismatch(name, config, await processOf(checkpoint, name, signal));
    const needs = await restoreNeeds(checkpoint, await imagesOf(checkpoint), new Problems());
    const open = needs.find(({ kind, what }) => kind === 'criu option' && what === 'tcp-established');
    if (open === undefined) return false;
    if (await connectionsAreSettled()) return true;
    throw new CodedError(
      'failed-precondition',
      `container ${name}: ${open.reason}, and ${title} does not tell CRIU what to do with connections`,
      {
        hint: 'write tcp-established, or tcp-close to have them closed, into /etc/criu/crun.conf and /etc/criu/runc.conf',
      },
    );
  } finally {
    await checkpoint.close();
  }
}

async function processOf(
  checkpoint: Checkpoint,
  name: string,
  signal: AbortSignal,
): Promise<{ args: string[]; env: string[] }> {
  const bytes = await checkpoint.read(memberNames.specDump, { signal });
  const found = parseDump(bytes, memberNames.specDump)?.get('process');
  if (!(found instanceof Map)) {
    throw new CodedError('corrupt', `container ${name}: ${memberNames.specDump} says nothing of its process`);
  }
  const texts = (key: string): string[] => {
    const list = found.get(key);
    return (Array.isArray(list) ? list : []).filter((one) => typeof one === 'string');
  };
  return { args: texts('args'), env: texts('env') };
}

/** Whether CRIU is told what becomes of connections, by the settings that low-level runtimes hand to it. */
async function connectionsAreSettled(): Promise<boolean> {
  for (const file of criuSettings) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (/^\s*tcp-(?:established|close)\b/m.test(text)) return true;
  }
  return false;
}
