import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import type { ConnectRouter } from '@connectrpc/connect';
import type { RuntimeEvent } from '../../api/runtime-events.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { ImageService, RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { privateDirectory } from '../../localfs/atomic-file.ts';
import { type DirectoryLock, lockDirectory } from '../../localfs/directory-lock.ts';
import { makeDirectories } from '../../localfs/make-directories.ts';
import { adopt } from './adopt.ts';
import { findCgroups, removeCgroup } from './cgroups.ts';
import { type CniPlaces, usualCniPlaces } from './cni.ts';
import { noticeEnd, refresh } from './container-end.ts';
import { ContainerEvents } from './container-events.ts';
import { createContainer, removeContainer } from './container-lifecycle.ts';
import type { BuiltinRuntime, CheckpointHooks } from './hooks.ts';
import { imageService } from './image-service.ts';
import { ImageStore } from './image-store.ts';
import { KeyedQueue } from './keyed-queue.ts';
import type { Machine } from './machine.ts';
import { type OciRuntime, ociRuntime, type RuntimeName } from './oci-runtime.ts';
import { exitDirectory, type RuntimePaths, runtimeState } from './paths.ts';
import { RecordStore } from './record-store.ts';
import type { SandboxRecord } from './records.ts';
import { type ContainerRecord, decodeContainer, decodeSandbox, encodeRecord, phaseOf } from './records.ts';
import { unmountRootfs } from './rootfs.ts';
import { runtimePrograms } from './runtime-programs.ts';
import { runtimeService } from './runtime-service.ts';
import { releaseSandbox } from './sandbox-lifecycle.ts';
import { removeSandbox, runSandbox } from './sandbox-operations.ts';
import { StreamingServer } from './streaming-server.ts';
import { supervisorCgroup } from './supervisor.ts';

export interface BuiltinRuntimeOptions {
  /** Folder of images, records and writable layers. Not on an overlay file system. */
  root: string;
  /** Folder of what a reboot ends; short, as sockets are made in it. */
  state: string;
  /** Program for pods that ask for none. */
  runtime?: RuntimeName;
  /** Checkpoint and restore. */
  hooks?: CheckpointHooks;
  /** One line each for whoever operates this. */
  log?: (line: string) => void;
  /** Learns how far checkpoints are. */
  tell?: (event: RuntimeEvent) => void;
  /** Where CNI's plugins and configuration are; the usual places where left out. */
  cni?: CniPlaces;
  /** The product's version, for callers that ask. */
  version?: string;
  /** Executables to use in place of those on PATH. */
  programs?: { conmon?: string; crun?: string; runc?: string };
}

/** The runtime while it is open. */
export interface OpenRuntime {
  /** Adds the interface's two services, for `createRouterTransport` or a server. */
  routes(router: ConnectRouter): void;
  /** What the services stand on. */
  readonly runtime: BuiltinRuntime;
  /** Lets go of everything but the containers: they go on, and the next process finds them. */
  close(): Promise<void>;
}

/**
 * The container runtime that needs no daemon of its own: crun or runc, conmon, overlayfs and cgroups, spoken
 * to through CRI v1. Finds what an earlier process left and goes on with it.
 * @throws CodedError `failed-precondition` when another process has it open, or the machine lacks something.
 */
export async function createBuiltinRuntime(options: BuiltinRuntimeOptions): Promise<OpenRuntime> {
  const paths: RuntimePaths = { root: options.root, state: options.state };
  for (const folder of [paths.root, paths.state, exitDirectory(paths)]) {
    await makeDirectories(folder, privateDirectory);
  }
  const lock = await lockRuntime(paths.root);
  try {
    const machine = await openMachine(paths, options);
    await adopt(machine);
    const runtime = runtimeOver(machine, options.tell ?? (() => {}));
    const ready = machine.sandboxes.all().filter(({ state }) => state === 'ready');
    const running = machine.containers.all().filter((record) => phaseOf(record) === 'running');
    await options.hooks?.recover?.(runtime, ready, running);
    const watcher = watchEnds(machine);
    return {
      runtime,
      routes(router) {
        const settings = { version: options.version ?? '0.0.0', runtime: options.runtime ?? 'crun' };
        router.service(RuntimeService, runtimeService(machine, runtime, settings));
        router.service(ImageService, imageService(machine));
      },
      async close() {
        watcher.close();
        await machine.streams.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function lockRuntime(folder: string): Promise<DirectoryLock> {
  try {
    return await lockDirectory(folder, { timeout: 0 });
  } catch (cause) {
    throw new CodedError('failed-precondition', `another process uses the runtime in ${folder}`, { cause });
  }
}

async function openMachine(paths: RuntimePaths, options: BuiltinRuntimeOptions): Promise<Machine> {
  const log = options.log ?? (() => {});
  const cgroups = await findCgroups();
  const runtimes = new Map<string, OciRuntime>();
  for (const program of Object.values(runtimePrograms)) {
    const state = runtimeState(paths, program.name);
    runtimes.set(program.name, ociRuntime(program, state, options.programs?.[program.name]));
  }
  const runtimeOf = (name: string): OciRuntime => {
    const found = runtimes.get(name || (options.runtime ?? 'crun'));
    if (found !== undefined) return found;
    throw new CodedError('not-found', `no runtime handler ${JSON.stringify(name)}: there are crun and runc`);
  };
  const sandboxes = await RecordStore.open<SandboxRecord>({
    directory: join(paths.root, 'sandboxes'),
    what: 'pod sandbox',
    encode: (record) => encodeRecord('sandbox', record),
    decode: decodeSandbox,
    clean: (id) => releaseSandbox(paths, cgroups, id, `/stasis/${id}`),
    log,
  });
  const containers = await RecordStore.open<ContainerRecord>({
    directory: join(paths.root, 'containers'),
    what: 'container',
    encode: (record) => encodeRecord('container', record),
    decode: decodeContainer,
    clean: async (id) => {
      for (const runtime of runtimes.values()) {
        if (await runtime.state(id).catch(() => undefined)) await runtime.remove(id, { force: true });
      }
      await removeCgroup(cgroups, supervisorCgroup(id));
      await unmountRootfs(paths, id);
    },
    log,
  });
  return {
    ...{
      paths,
      cgroups,
      log,
      conmon: options.programs?.conmon ?? 'conmon',
      runtimeOf,
      sandboxes,
      containers,
    },
    images: await ImageStore.open(paths, log),
    queue: new KeyedQueue(),
    ends: new Map(),
    events: new ContainerEvents(),
    hooks: options.hooks,
    streams: new StreamingServer(log),
    cni: options.cni ?? usualCniPlaces,
  };
}

/** Learns of ends as they happen; whoever asks for a container looks for himself all the same. */
function watchEnds(machine: Machine): FSWatcher {
  const watcher = watch(exitDirectory(machine.paths), { persistent: false }, (_event, name) => {
    const record = name === null ? undefined : machine.containers.find(name);
    if (record === undefined || record.id !== name) return;
    noticeEnd(machine, record);
  });
  watcher.on('error', (error) => machine.log(`watching for the end of containers: ${error.message}`));
  return watcher;
}

function runtimeOver(machine: Machine, tell: (event: RuntimeEvent) => void): BuiltinRuntime {
  return {
    paths: machine.paths,
    log: machine.log,
    tell,
    sandbox: (id) => machine.sandboxes.get(id),
    async container(id) {
      const record = machine.containers.get(id);
      await refresh(machine, record);
      return record;
    },
    async containersOf(sandboxId) {
      const found = machine.containers.all().filter((record) => record.sandboxId === sandboxId);
      for (const record of found) await refresh(machine, record);
      return found;
    },
    save: (record) => machine.containers.save(record),
    exclusively: (id, work) => machine.queue.run(id, work),
    async resolveImage(reference) {
      return machine.images.resolve(reference);
    },
    ociRuntimeOf: (sandbox) => machine.runtimeOf(sandbox.runtime),
    runSandbox: (config, handler, signal) => runSandbox(machine, config, handler, signal),
    removeSandbox: (id) => removeSandbox(machine, machine.sandboxes.get(id)),
    createContainer: (sandbox, config, create, signal) =>
      createContainer(machine, sandbox, config, create, signal),
    removeContainer: (id) => removeContainer(machine, machine.containers.get(id)),
  };
}
