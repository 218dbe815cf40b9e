import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, messageOf } from '../../errors/coded-error.ts';
import { type ContainerConfig, ContainerEventType, NamespaceMode, Signal } from '../../gen/cri/v1/api_pb.ts';
import { privateDirectory, writeFileAtomic } from '../../localfs/atomic-file.ts';
import { makeDirectories } from '../../localfs/make-directories.ts';
import { logPathOf, makeBundle } from './bundle.ts';
import { removeCgroup } from './cgroups.ts';
import { noticeEnd, refresh, removeTraces, settle } from './container-end.ts';
import type { BuiltinRuntime, CreateOptions } from './hooks.ts';
import { emptyConfig } from './image-record.ts';
import { type Machine, now } from './machine.ts';
import { containerDirectory } from './paths.ts';
import { type ContainerImage, type ContainerRecord, phaseOf, type SandboxRecord } from './records.ts';
import { mountRootfs } from './rootfs.ts';
import { supervise, supervisorCgroup } from './supervisor.ts';

/** Exit status of a container that could not be started; containerd's. */
const startErrorCode = 128;
/** How long a killed container may take to be gone. */
const killMs = 20_000;

/** 64 hexadecimal digits. */
export function newId(): string {
  return randomBytes(32).toString('hex');
}

/** @throws CodedError `not-found`, `failed-precondition`, `already-exists`, and those of the bundle. */
export async function createContainer(
  machine: Machine,
  sandbox: SandboxRecord,
  config: ContainerConfig,
  options: CreateOptions,
  signal: AbortSignal,
): Promise<ContainerRecord> {
  checkCreate(machine, sandbox, config);
  const image = options.image ?? machine.images.resolve(config.image?.image ?? '');
  const id = newId();
  const folder = containerDirectory(machine.paths, id);
  const log = logPathOf(sandbox.config.logDirectory, config.logPath);
  const record: ContainerRecord = {
    id,
    sandboxId: sandbox.id,
    config,
    image,
    createdAt: now(),
    user: { uid: 0, gid: 0, groups: [] },
    stopSignal: 'SIGTERM',
    logPath: log ?? join(folder, 'container.log'),
    cgroup: join(sandbox.cgroup, id),
    notes: [],
    ...(options.restore && { restore: options.restore }),
  };
  await makeDirectories(folder, privateDirectory);
  try {
    await writeBundle(machine, sandbox, record, image, signal);
    await options.prepare?.(record);
    await machine.containers.save(record);
  } catch (error) {
    await removeTraces(machine, record);
    await machine.containers.remove(id);
    throw error;
  }
  for (const note of record.notes) machine.log(`container ${config.metadata?.name} (${id}): ${note}`);
  announce(machine, record, ContainerEventType.CONTAINER_CREATED_EVENT);
  return record;
}

function checkCreate(machine: Machine, sandbox: SandboxRecord, config: ContainerConfig): void {
  const { name = '', attempt = 0 } = config.metadata ?? {};
  if (name === '') throw new CodedError('invalid-argument', 'a container needs a name in its metadata');
  if (sandbox.state !== 'ready') {
    throw new CodedError('failed-precondition', `the pod sandbox ${sandbox.id} is not running`);
  }
  const same = machine.containers
    .all()
    .find(
      (other) =>
        other.sandboxId === sandbox.id &&
        other.config.metadata?.name === name &&
        other.config.metadata.attempt === attempt,
    );
  if (same === undefined) return;
  throw new CodedError(
    'already-exists',
    `the pod has a container ${name} (attempt ${attempt}) already: ${same.id}`,
  );
}

async function writeBundle(
  machine: Machine,
  sandbox: SandboxRecord,
  record: ContainerRecord,
  image: ContainerImage,
  signal: AbortSignal,
): Promise<void> {
  const { config, id, cgroup } = record;
  await mountRootfs(machine.paths, id, image.layers, signal);
  const bundle = await makeBundle(machine.paths, machine.cgroups.controllers, {
    id,
    sandbox,
    config,
    image: machine.images.find(image.id)?.config ?? emptyConfig,
    imageName: image.name,
    cgroup,
    target: await targetProcess(machine, config),
  });
  const { uid, gid, groups } = bundle.user;
  record.user = { uid, gid, groups };
  record.stopSignal = signalName(config.stopSignal) ?? bundle.stopSignal;
  record.notes = bundle.notes;
  const text = `${JSON.stringify(bundle.spec, undefined, 2)}\n`;
  await writeFileAtomic(
    join(containerDirectory(machine.paths, id), 'config.json'),
    new TextEncoder().encode(text),
  );
}

async function targetProcess(machine: Machine, config: ContainerConfig): Promise<number | undefined> {
  const options = config.linux?.securityContext?.namespaceOptions;
  if (options?.pid !== NamespaceMode.TARGET) return undefined;
  const target = machine.containers.get(options.targetId);
  await refresh(machine, target);
  if (phaseOf(target) === 'running' && target.process) return target.process.pid;
  throw new CodedError('failed-precondition', `the target container ${target.id} does not run`);
}

/** The kernel's name of the interface's signal; SIGRTMIN+n in the way runtimes write it. */
function signalName(signal: Signal): string | undefined {
  if (signal === Signal.RUNTIME_DEFAULT) return undefined;
  const name = Object.entries(Signal).find(([, value]) => value === signal)?.[0];
  return name?.replace('PLUS', '+').replace('MINUS', '-');
}

/**
 * Starts a created container, or restores it where it was made from a checkpoint. A container that could not
 * be started counts as ended and says why.
 * @throws CodedError `failed-precondition` when it is not in the state to be started, else why it failed.
 */
export async function startContainer(
  machine: Machine,
  runtime: BuiltinRuntime,
  record: ContainerRecord,
  signal: AbortSignal,
): Promise<void> {
  await refresh(machine, record);
  const phase = phaseOf(record);
  if (phase !== 'created') {
    throw new CodedError('failed-precondition', `container ${record.id} is ${phase}, not created`);
  }
  const sandbox = machine.sandboxes.get(record.sandboxId);
  if (sandbox.state !== 'ready') {
    throw new CodedError('failed-precondition', `the pod sandbox ${sandbox.id} is not running`);
  }
  try {
    await mountRootfs(machine.paths, record.id, record.image.layers, signal);
    await launch(machine, runtime, sandbox, record, signal);
  } catch (error) {
    await undoStart(machine, record, error);
    throw error;
  }
  // One that ended before it counted as running was not seen to end.
  noticeEnd(machine, record);
}

async function launch(
  machine: Machine,
  runtime: BuiltinRuntime,
  sandbox: SandboxRecord,
  record: ContainerRecord,
  signal: AbortSignal,
): Promise<void> {
  const oci = machine.runtimeOf(sandbox.runtime);
  const after = record.restore && (await machine.hooks?.beforeRestore?.(runtime, record, signal));
  try {
    const options = { ...machine, runtime: oci };
    const { process, supervisor } = await supervise(options, record, signal);
    if (record.restore === undefined) await oci.start(record.id, { signal });
    await machine.containers.save(record, { process, supervisor, startedAt: now() });
    // At once: from here on it can be seen to end.
    announce(machine, record, ContainerEventType.CONTAINER_STARTED_EVENT);
  } catch (error) {
    await after?.(error);
    throw error;
  }
  await after?.();
}

async function undoStart(machine: Machine, record: ContainerRecord, error: unknown): Promise<void> {
  await removeCgroup(machine.cgroups, supervisorCgroup(record.id));
  delete record.process;
  await settle(machine, record, {
    finishedAt: now(),
    exitCode: startErrorCode,
    reason: 'StartError',
    message: messageOf(error),
  });
}

/**
 * Ends a container: its stop signal, `graceSeconds` of time, then SIGKILL. One that does not run is done.
 * @throws CodedError `deadline-exceeded` when it outlives even that, `cancelled`.
 */
export async function stopContainer(
  machine: Machine,
  record: ContainerRecord,
  graceSeconds: number,
  signal?: AbortSignal,
): Promise<void> {
  await refresh(machine, record);
  if (phaseOf(record) !== 'running') return;
  const oci = machine.runtimeOf(machine.sandboxes.get(record.sandboxId).runtime);
  if (graceSeconds > 0) {
    await oci.kill(record.id, record.stopSignal, { signal });
    if (await ended(machine, record, graceSeconds * 1000, signal)) return;
  }
  await oci.kill(record.id, 'KILL', { signal });
  if (await ended(machine, record, killMs, signal)) return;
  throw new CodedError('deadline-exceeded', `container ${record.id} still runs ${killMs} ms after SIGKILL`);
}

async function ended(
  machine: Machine,
  record: ContainerRecord,
  limitMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const until = performance.now() + limitMs;
  for (let pause = 2; ; pause = Math.min(pause * 1.5, 100)) {
    await refresh(machine, record);
    if (phaseOf(record) === 'exited') return true;
    const left = until - performance.now();
    if (left <= 0) return false;
    if (signal?.aborted) throw new CodedError('cancelled', `stopping container ${record.id} was cancelled`);
    await sleep(Math.min(pause, left));
  }
}

/** Ends it if need be and removes all that is left of it. */
export async function removeContainer(machine: Machine, record: ContainerRecord): Promise<void> {
  await stopContainer(machine, record, 0);
  await removeTraces(machine, record);
  await machine.containers.remove(record.id);
  announce(machine, record, ContainerEventType.CONTAINER_DELETED_EVENT);
}

function announce(machine: Machine, record: ContainerRecord, type: ContainerEventType): void {
  machine.events.emit({ containerId: record.id, sandboxId: record.sandboxId, type });
}
