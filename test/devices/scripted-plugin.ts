/** A device plugin that does what a test says, over real gRPC on a real socket. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Code, ConnectError, type ConnectRouter, createClient } from '@connectrpc/connect';
import { DevicePlugin, Registration } from '../../src/gen/deviceplugin/v1beta1/api_pb.ts';
import { Registration as WatchedRegistration } from '../../src/gen/pluginregistration/v1/api_pb.ts';
import { dialUnixSocket } from '../../src/grpc/socket-client.ts';
import { type SocketServer, serveUnixSocket } from '../../src/grpc/socket-server.ts';
import { atEnd } from '../runtime.ts';

export interface ScriptedDevice {
  id: string;
  health?: string;
  nodes?: readonly bigint[];
}

/** What the node is told on `GetInfo`. */
export interface WatchedInfo {
  type: string;
  name: string;
  endpoint?: string;
  supportedVersions: string[];
}

export class ScriptedPlugin {
  readonly resource: string;
  /** Everything that was asked of it, as `Allocate a,b`. */
  readonly calls: string[] = [];
  /** What it answers on `GetInfo`, where it lies in the watched directory. */
  info: WatchedInfo | undefined;
  /** What it was told of its registration there. */
  readonly notified: { registered: boolean; error: string }[] = [];
  options = { preStartRequired: false, getPreferredAllocationAvailable: false };
  /** Calls by name that end with this text instead of an answer. */
  readonly failures = new Map<string, string>();
  /** Device ids that it would rather give, best first. */
  preferred: readonly string[] = [];
  /** What its answers wait for. */
  hold: Promise<void> | undefined;
  /** Whether an allocation has an answer for its container. */
  answers = true;
  #devices: readonly ScriptedDevice[];
  readonly #watchers = new Set<() => void>();
  #server: SocketServer | undefined;
  #hungUp = 0;

  constructor(resource: string, devices: readonly (ScriptedDevice | string)[]) {
    this.resource = resource;
    this.#devices = devices.map(asDevice);
  }

  /** Says which devices there are now. */
  set(devices: readonly (ScriptedDevice | string)[]): void {
    this.#devices = devices.map(asDevice);
    for (const wake of this.#watchers) wake();
  }

  async serve(t: TestContext | undefined, path: string): Promise<void> {
    this.#server = await serveUnixSocket(path, this.routes());
    if (t) atEnd(t, () => this.stop());
  }

  /** Ends the lists that it sends, as a plugin does that ends. */
  hangUp(): void {
    this.#hungUp++;
    for (const wake of this.#watchers) wake();
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  /** Serves in the directory and registers there, as plugins do. */
  async register(t: TestContext, directory: string, version = 'v1beta1'): Promise<void> {
    const name = `${this.resource.replaceAll('/', '_')}.sock`;
    if (!this.#server) await this.serve(t, join(directory, name));
    await register(directory, { version, endpoint: name, resourceName: this.resource });
  }

  routes(): (router: ConnectRouter) => void {
    return (router) => {
      router.service(DevicePlugin, {
        getDevicePluginOptions: () => this.#answer('GetDevicePluginOptions', () => this.options),
        listAndWatch: (_request, { signal }) => this.#list(signal),
        getPreferredAllocation: ({ containerRequests: [request] }) => {
          const { availableDeviceIDs = [], mustIncludeDeviceIDs = [], allocationSize = 0 } = request ?? {};
          const asked = `${[...availableDeviceIDs].sort()} must ${mustIncludeDeviceIDs} size ${allocationSize}`;
          return this.#answer(`GetPreferredAllocation ${asked}`, () => ({
            containerResponses: [{ deviceIDs: [...this.preferred] }],
          }));
        },
        allocate: ({ containerRequests: [request] }) => {
          const ids = request?.devicesIds ?? [];
          return this.#answer(`Allocate ${ids}`, () => ({
            containerResponses: this.answers ? [this.allocation(ids)] : [],
          }));
        },
        preStartContainer: ({ devicesIds }) => this.#answer(`PreStartContainer ${devicesIds}`, () => ({})),
      });
      router.service(WatchedRegistration, {
        getInfo: () => this.#answer('GetInfo', () => this.info ?? {}),
        notifyRegistrationStatus: ({ pluginRegistered, error }) => {
          this.notified.push({ registered: pluginRegistered, error });
          return {};
        },
      });
    };
  }

  /** What a container needs for these devices. */
  allocation(ids: readonly string[]) {
    const name = this.resource.split('/')[1] ?? '';
    return {
      envs: { [`${name.toUpperCase()}_IDS`]: ids.join(',') },
      mounts: [{ containerPath: `/lib/${name}`, hostPath: `/opt/${name}`, readOnly: true }],
      devices: ids.map((id) => ({ containerPath: `/dev/${id}`, hostPath: `/dev/${id}`, permissions: 'rw' })),
      annotations: { [name]: ids.join(',') },
      cdiDevices: ids.map((id) => ({ name: `${this.resource}=${id}` })),
    };
  }

  async *#list(signal: AbortSignal) {
    this.calls.push('ListAndWatch');
    const before = this.#hungUp;
    for (;;) {
      let wake = () => {};
      const changed = new Promise<void>((done) => {
        wake = done;
      });
      this.#watchers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
      yield {
        devices: this.#devices.map(({ id, health = 'Healthy', nodes }) => ({
          ID: id,
          health,
          ...(nodes ? { topology: { nodes: nodes.map((ID) => ({ ID })) } } : {}),
        })),
      };
      await changed;
      this.#watchers.delete(wake);
      if (signal.aborted || this.#hungUp !== before) return;
    }
  }

  async #answer<T>(call: string, answer: () => T): Promise<T> {
    this.calls.push(call);
    await this.hold;
    const failure = this.failures.get(call.split(' ')[0] ?? '');
    if (failure !== undefined) throw new ConnectError(failure, Code.Unknown);
    return answer();
  }
}

function asDevice(device: ScriptedDevice | string): ScriptedDevice {
  return typeof device === 'string' ? { id: device } : device;
}

/** Registers at the node whose socket is in the directory. */
export async function register(
  directory: string,
  request: { version: string; endpoint: string; resourceName: string },
): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  const node = await dialUnixSocket(join(directory, 'kubelet.sock'), 5000, signal);
  try {
    await createClient(Registration, node.transport).register(request, { signal });
  } finally {
    node.close();
  }
}
