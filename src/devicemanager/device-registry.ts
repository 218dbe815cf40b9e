import type { KeptValue } from '../checkpointmanager/defined-checkpoint.ts';
import { messageOf } from '../errors/coded-error.ts';
import type { Device } from '../gen/deviceplugin/v1beta1/api_pb.ts';
import type { DeviceManagerState } from '../kubeletstate/device-manager.ts';
import type { Log } from '../pods/node-pods.ts';
import { type Allocation, allocationsOf, stateOf } from './allocations.ts';
import type { DeviceMetrics } from './device-metrics.ts';
import { PluginSession } from './plugin-session.ts';
import { Resource } from './resource.ts';
import type { Sockets } from './sockets.ts';

export interface DeviceRegistryOptions {
  state: KeptValue<DeviceManagerState>;
  sockets: Sockets;
  log: Log;
  metrics: DeviceMetrics;
  /** Milliseconds since 1970. */
  now: () => number;
}

/** The resources that plugins bring to this node, and the file in which they and their devices' owners stand. */
export class DeviceRegistry {
  readonly #options: DeviceRegistryOptions;
  readonly #resources = new Map<string, Resource>();
  readonly #closing = new AbortController();
  readonly #sessions = new Set<Promise<void>>();
  /** Called whenever there may be more to give than before. */
  onChange: () => void = () => undefined;

  /** Resources of the file are known again, without devices until their plugins come back. */
  constructor(options: DeviceRegistryOptions) {
    this.#options = options;
    for (const name of options.state.value.Data.RegisteredDevices?.keys() ?? []) {
      this.#resources.set(name, new Resource(name, options.now()));
    }
  }

  get metrics(): DeviceMetrics {
    return this.#options.metrics;
  }

  resource(name: string): Resource | undefined {
    return this.#resources.get(name);
  }

  resources(): readonly Resource[] {
    return [...this.#resources.values()];
  }

  allocations(): readonly Allocation[] {
    return allocationsOf(this.#options.state.value);
  }

  /** Changes who has what. It counts when it is on disk; when that fails nothing has changed. */
  async save(change: (allocations: readonly Allocation[]) => readonly Allocation[]): Promise<void> {
    await this.#options.state.update((state) => stateOf(change(allocationsOf(state)), this.#registered()));
  }

  /**
   * Takes a plugin on: reaches it, asks for its options, and follows its list from then on. It takes the place of
   * the one that brought the resource before.
   * @throws CodedError in the kubelet's words
   */
  async connect(name: string, socket: string, signal: AbortSignal): Promise<void> {
    const { sockets, log, now } = this.#options;
    const both = AbortSignal.any([signal, this.#closing.signal]);
    const session = await PluginSession.open(sockets, name, socket, both);
    if (this.#closing.signal.aborted) return session.stop();
    const resource = this.#resources.get(name) ?? new Resource(name, now());
    const before = resource.session;
    resource.attach(session);
    before?.stop();
    this.#resources.set(name, resource);
    log('info', `a device plugin has registered ${name}`, { socket });
    const following = this.#follow(resource, session).finally(() => this.#sessions.delete(following));
    this.#sessions.add(following);
  }

  /** Lets go of the plugins that answer at this socket. */
  disconnect(socket: string): void {
    for (const { session } of this.#resources.values()) if (session?.socket === socket) session.stop();
  }

  /** Forgets resources whose plugin has stayed away for longer than their time of grace. */
  async dropExpired(): Promise<void> {
    const { log, now } = this.#options;
    const expired = this.resources().filter((resource) => resource.expired(now()));
    if (expired.length === 0) return;
    for (const { name } of expired) {
      this.#resources.delete(name);
      log('warn', `resource ${name} is dropped: its device plugin has not come back`);
    }
    await this.save((allocations) => allocations);
  }

  /** Lets go of every plugin. Nothing is written: whoever starts next knows what is known now. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const { session } of this.#resources.values()) session?.stop();
    await Promise.all(this.#sessions);
  }

  async #follow(resource: Resource, session: PluginSession): Promise<void> {
    const { log, now } = this.#options;
    const reason = await session.watch(async (devices) => {
      if (resource.session === session) await this.#take(resource, devices);
    });
    if (resource.session !== session || this.#closing.signal.aborted) return;
    resource.lose(now());
    log('warn', `the device plugin of ${resource.name} is gone, its devices are unhealthy: ${reason}`);
  }

  async #take(resource: Resource, devices: readonly Device[]): Promise<void> {
    const { log, state } = this.#options;
    resource.list(devices);
    const healthy = resource.healthy();
    const written = state.value.Data.RegisteredDevices?.get(resource.name);
    const same = written?.length === healthy.length && healthy.every((id, index) => written?.[index] === id);
    // As the kubelet does: a list that cannot be written is taken all the same, and written with the next one.
    if (!same) {
      await this.save((allocations) => allocations).catch((error: unknown) =>
        log('error', `writing the devices of ${resource.name}: ${messageOf(error)}`),
      );
    }
    this.onChange();
  }

  #registered(): Map<string, string[]> {
    return new Map(this.resources().map((resource) => [resource.name, resource.healthy()]));
  }
}
