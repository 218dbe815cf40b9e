import type { Device } from '../gen/deviceplugin/v1beta1/api_pb.ts';
import type { PluginSession } from './plugin-session.ts';

/** Milliseconds that a resource stays known without its plugin. */
export const gracePeriod = 5 * 60_000;

/** What a healthy device calls itself; everything else is not. */
const healthyText = 'Healthy';

export interface KnownDevice {
  id: string;
  healthy: boolean;
  /** NUMA nodes that it is near to; none where its plugin does not say. */
  nodes: readonly bigint[];
}

/** A resource that a plugin brings, and what is known of its devices. */
export class Resource {
  readonly name: string;
  #session: PluginSession | undefined;
  /** Milliseconds since 1970 at which its plugin was lost; undefined while it is there. */
  #stoppedAt: number | undefined;
  #devices = new Map<string, KnownDevice>();

  /** @param stoppedAt of one that is known from before and whose plugin has not come back yet */
  constructor(name: string, stoppedAt: number) {
    this.name = name;
    this.#stoppedAt = stoppedAt;
  }

  get session(): PluginSession | undefined {
    return this.#session;
  }

  get devices(): ReadonlyMap<string, KnownDevice> {
    return this.#devices;
  }

  /** Its plugin has registered, for the first time or again; devices stay what they were until it lists them. */
  attach(session: PluginSession): void {
    this.#session = session;
    this.#stoppedAt = undefined;
  }

  /** Takes over the whole list of the plugin. */
  list(devices: readonly Device[]): void {
    this.#devices = new Map(
      devices.map(({ ID, health, topology }) => [
        ID,
        {
          id: ID,
          healthy: health === healthyText,
          nodes: (topology?.nodes ?? []).map((node) => node.ID),
        },
      ]),
    );
  }

  /** Its plugin is gone: all its devices are unhealthy from now on. */
  lose(now: number): void {
    this.#stoppedAt = now;
    for (const [id, device] of this.#devices) this.#devices.set(id, { ...device, healthy: false });
  }

  expired(now: number): boolean {
    return this.#stoppedAt !== undefined && now - this.#stoppedAt > gracePeriod;
  }

  /** Ids in the order of the plugin's list. */
  healthy(): string[] {
    return [...this.#devices.values()].filter((device) => device.healthy).map(({ id }) => id);
  }
}
