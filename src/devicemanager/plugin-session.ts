import { type Client, createClient } from '@connectrpc/connect';
import { CodedError, isCoded } from '../errors/coded-error.ts';
import {
  type ContainerAllocateResponse,
  type Device,
  DevicePlugin,
  type DevicePluginOptions,
} from '../gen/deviceplugin/v1beta1/api_pb.ts';
import { rpcErrorText } from '../pods/rpc-error.ts';
import type { PluginConnection, Sockets } from './sockets.ts';
import { refusals, shortages } from './texts.ts';

/** Milliseconds that a plugin has to answer on its socket. */
const dialTime = 10_000;
/** Milliseconds for its options. */
const optionsTime = 30_000;
/** Milliseconds for an allocation: the kubelet waits for ever, and all pods with it. */
const allocationTime = 120_000;
/** Milliseconds for `PreStartContainer`, as at the kubelet. */
const prestartTime = 30_000;

/** One registration of a plugin, from its first call to the end of its list. */
export class PluginSession {
  readonly resource: string;
  /** Path of its socket. */
  readonly socket: string;
  readonly options: DevicePluginOptions;
  readonly #plugin: Client<typeof DevicePlugin>;
  readonly #connection: PluginConnection;
  readonly #ending = new AbortController();

  private constructor(
    resource: string,
    socket: string,
    connection: PluginConnection,
    plugin: Client<typeof DevicePlugin>,
    options: DevicePluginOptions,
  ) {
    this.resource = resource;
    this.socket = socket;
    this.#connection = connection;
    this.#plugin = plugin;
    this.options = options;
  }

  /**
   * Reaches a plugin and asks for its options. What it said of them when it registered counts nothing.
   * @throws CodedError in the kubelet's words
   */
  static async open(
    sockets: Sockets,
    resource: string,
    socket: string,
    signal: AbortSignal,
  ): Promise<PluginSession> {
    const connection = await sockets.dial(socket, dialTime, signal).catch((error: unknown) => {
      throw isCoded(error) ? refusals.dial(error) : error;
    });
    try {
      const plugin = createClient(DevicePlugin, connection.transport);
      const options = await plugin.getDevicePluginOptions({}, { signal, timeoutMs: optionsTime });
      return new PluginSession(resource, socket, connection, plugin, options);
    } catch (error) {
      connection.close();
      throw refusals.options(rpcErrorText(error), error);
    }
  }

  get stopped(): boolean {
    return this.#ending.signal.aborted;
  }

  /** Hands over each list that the plugin sends, one after the other, until it ends. @returns why it ended */
  async watch(take: (devices: readonly Device[]) => Promise<void>): Promise<string> {
    try {
      for await (const { devices } of this.#plugin.listAndWatch({}, { signal: this.#ending.signal })) {
        if (!this.stopped) await take(devices);
      }
      return 'the plugin ended its list';
    } catch (error) {
      return rpcErrorText(error);
    } finally {
      this.stop();
    }
  }

  stop(): void {
    if (this.stopped) return;
    this.#ending.abort(new CodedError('cancelled', `the plugin of ${this.resource} is let go of`));
    this.#connection.close();
  }

  /** Which devices the plugin would rather give. Advice; empty where it has none. */
  async preferred(
    available: readonly string[],
    mustInclude: readonly string[],
    size: number,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    if (!this.options.getPreferredAllocationAvailable) return [];
    if (this.stopped) throw shortages.preferred(shortages.stopped(this.resource).message, undefined);
    const request = {
      availableDeviceIDs: [...available],
      mustIncludeDeviceIDs: [...mustInclude],
      allocationSize: size,
    };
    try {
      const { containerResponses } = await this.#plugin.getPreferredAllocation(
        { containerRequests: [request] },
        { signal, timeoutMs: allocationTime },
      );
      return containerResponses[0]?.deviceIDs ?? [];
    } catch (error) {
      throw shortages.preferred(rpcErrorText(error), error);
    }
  }

  async allocate(ids: readonly string[], signal: AbortSignal): Promise<ContainerAllocateResponse> {
    if (this.stopped) throw shortages.stopped(this.resource);
    const answer = await this.#plugin
      .allocate({ containerRequests: [{ devicesIds: [...ids] }] }, { signal, timeoutMs: allocationTime })
      .catch((error: unknown) => {
        throw new CodedError('internal', rpcErrorText(error), { cause: error });
      });
    const first = answer.containerResponses[0];
    if (first) return first;
    throw shortages.noAnswer();
  }

  /** Before each start of a container, where the plugin asks for it. */
  async prestart(ids: readonly string[], signal: AbortSignal): Promise<void> {
    if (!this.options.preStartRequired) return;
    if (this.stopped) throw shortages.prestart(shortages.stopped(this.resource).message, undefined);
    try {
      await this.#plugin.preStartContainer({ devicesIds: [...ids] }, { signal, timeoutMs: prestartTime });
    } catch (error) {
      throw shortages.prestart(rpcErrorText(error), error);
    }
  }
}
