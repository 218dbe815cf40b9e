import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createRouterTransport, type Transport } from '@connectrpc/connect';
import type { RuntimeEvent, WatchRuntime } from '../api/runtime-events.ts';
import type { RuntimeStatus } from '../api/stasis.ts';
import { CodedError, isCoded } from '../errors/coded-error.ts';
import type { ImageService } from '../gen/cri/v1/api_pb.ts';
import type { Log } from '../pods/node-pods.ts';
import { openPort } from '../runtime/builtin/bridge.ts';
import { createBuiltinRuntime } from '../runtime/builtin/builtin-runtime.ts';
import { checkpointHooks } from '../runtime/builtin/checkpoint-hooks.ts';
import { criuReport, reportRuntime } from '../runtime/cri/node-runtime-report.ts';
import { openNodeRuntime } from './node-runtime.ts';
import type { ProbeWiring } from './pod-wiring.ts';
import type { Settings } from './settings.ts';

export interface NodeRuntime {
  transport: Transport;
  /** A connection from inside a pod that only reaches itself. */
  insidePod?: ProbeWiring['insidePod'];
  /**
   * Lets run what an earlier process had paused when it was killed. Called once what was to end paused has ended; the
   * built-in runtime does so when it is opened.
   */
  recover?(): Promise<void>;
  close(): Promise<void>;
}

/** Milliseconds between two attempts to reach a runtime that is not there yet. */
const retryInterval = 1_000;

/**
 * The container runtime, from the first attempt to reach it on: the built-in one in this process, or another one
 * over its socket, which is waited for. Nobody else knows which it is.
 */
export class RuntimeOpening {
  readonly #settings: Settings;
  readonly #version: string;
  readonly #log: Log;
  readonly #stopping: AbortSignal;
  readonly #listeners = new Map<string, Set<(event: RuntimeEvent) => void>>();
  #opened: NodeRuntime | undefined;
  /** Why it cannot be used yet. */
  why = 'stasisd is starting';

  constructor(settings: Settings, version: string, log: Log, stopping: AbortSignal) {
    this.#settings = settings;
    this.#version = version;
    this.#log = log;
    this.#stopping = stopping;
  }

  get isOpen(): boolean {
    return this.#opened !== undefined;
  }

  /** What the runtime tells of its checkpoints; only the built-in one does. */
  readonly watch: WatchRuntime = (containerId, listen) => {
    const listeners = this.#listeners.get(containerId) ?? new Set();
    listeners.add(listen);
    this.#listeners.set(containerId, listeners);
    return () => {
      listeners.delete(listen);
      if (listeners.size === 0) this.#listeners.delete(containerId);
    };
  };

  /** Tries once. @throws CodedError where it will not come to be by waiting */
  async first(): Promise<void> {
    try {
      this.#opened = await this.#open();
    } catch (error) {
      if (this.#settings.runtimeSocket === undefined || !isCoded(error, 'unavailable')) throw error;
      this.why = `waiting for the container runtime: ${error.message}`;
      this.#log('warn', this.why, error.hint === undefined ? {} : { hint: error.hint });
    }
  }

  /** Waits until it is there. @throws CodedError as {@link first}; the reason of the signal when we stop */
  async runtime(): Promise<NodeRuntime> {
    while (!this.#opened) {
      await sleep(retryInterval, undefined, { signal: this.#stopping, ref: true });
      await this.#again();
    }
    return this.#opened;
  }

  async #again(): Promise<void> {
    try {
      this.#opened = await this.#open();
      this.#log('info', 'the container runtime is there');
    } catch (error) {
      if (!isCoded(error, 'unavailable')) throw error;
      this.why = `waiting for the container runtime: ${error.message}`;
    }
  }

  async close(): Promise<void> {
    await this.#opened?.close();
  }

  /** What there is to know about it. */
  async describe(signal: AbortSignal): Promise<RuntimeStatus> {
    const { runtimeSocket, rootDirectory } = this.#settings;
    const typed = { apiVersion: 'stasis/v1', kind: 'Runtime' } as const;
    if (runtimeSocket === undefined) {
      const criu = await criuReport();
      const why = criu.problem === undefined ? {} : { why: criu.problem };
      const can = criu.problem === undefined;
      return {
        ...{ ...typed, builtIn: true, name: 'stasis', version: this.#version, apiVersionOfRuntime: 'v1' },
        ...{ canCheckpoint: can, ...why, criu, dockershimSandboxes: 0 },
      };
    }
    const flag = runtimeSocket === 'auto' ? {} : { flag: `unix://${runtimeSocket}` };
    const found = await reportRuntime({ ...flag, kubeletRoot: rootDirectory }, signal);
    const { endpoint, apiVersion, ...rest } = found;
    return { ...rest, ...typed, builtIn: false, socket: endpoint.path, apiVersionOfRuntime: apiVersion };
  }

  /** Folders on whose disks the runtime writes images of checkpoints. */
  async imageFolders(images: Client<typeof ImageService>, signal: AbortSignal): Promise<string[]> {
    if (this.#settings.runtimeSocket === undefined) return [this.#settings.runtimeRoot];
    const found = await images.imageFsInfo({}, { signal, timeoutMs: 10_000 }).catch(() => undefined);
    const folders = found?.imageFilesystems.map(({ fsId }) => fsId?.mountpoint ?? '') ?? [];
    return folders.filter((folder) => folder.startsWith('/'));
  }

  async #open(): Promise<NodeRuntime> {
    const { runtimeSocket, rootDirectory, runtimeRoot, runtimeState, ociRuntime, cni } = this.#settings;
    if (this.#stopping.aborted) throw new CodedError('cancelled', 'stasisd is stopping');
    if (runtimeSocket !== undefined) {
      const notes = join(rootDirectory, 'stasis/checkpointing');
      const scratch = join(rootDirectory, 'stasis/converted');
      const holds = join(rootDirectory, 'stasis/holding');
      const common = { notes, holds, scratch, log: this.#log };
      const options = { endpoint: runtimeSocket, kubeletRoot: rootDirectory, ...common };
      return openNodeRuntime(options);
    }
    const runtime = await createBuiltinRuntime({
      ...{ root: runtimeRoot, state: runtimeState, runtime: ociRuntime, cni, version: this.#version },
      log: (line) => this.#log('info', line, { from: 'runtime' }),
      tell: (event) => {
        for (const listen of this.#listeners.get(event.containerId) ?? []) listen(event);
      },
      hooks: checkpointHooks(),
    });
    return {
      transport: createRouterTransport((router) => runtime.routes(router)),
      insidePod: async (id, port, signal) =>
        openPort(runtime.runtime.sandbox(id).namespaces.network, port, signal),
      close: () => runtime.close(),
    };
  }
}
