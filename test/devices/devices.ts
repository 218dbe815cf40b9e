/** A node's device manager on files of its own, for tests: as the daemon puts it together, without pods. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { DeviceManager } from '../../src/devicemanager/device-manager.ts';
import { DeviceMetrics } from '../../src/devicemanager/device-metrics.ts';
import { DeviceRegistry } from '../../src/devicemanager/device-registry.ts';
import { openDeviceState } from '../../src/devicemanager/device-state.ts';
import { prepareDirectory } from '../../src/devicemanager/plugin-directory.ts';
import { registration } from '../../src/devicemanager/registration.ts';
import type { Sockets } from '../../src/devicemanager/sockets.ts';
import { dialUnixSocket } from '../../src/grpc/socket-client.ts';
import { serveUnixSocket } from '../../src/grpc/socket-server.ts';
import { decodePod } from '../../src/pods/manifest.ts';
import type { Pod } from '../../src/pods/pod.ts';
import { atEnd, until } from '../runtime.ts';

/** A plugin that does not answer is given up soon. */
export const sockets: Sockets = {
  dial: (path, milliseconds, signal) => dialUnixSocket(path, Math.min(milliseconds, 300), signal),
  serve: serveUnixSocket,
};

export interface TestDevices {
  directory: string;
  registry: DeviceRegistry;
  manager: DeviceManager;
  lines: string[];
  /** Waits until so many devices of the resource are healthy. */
  healthy(resource: string, count: number): Promise<void>;
  close(): Promise<void>;
}

/** @param now milliseconds since 1970 */
export async function openDevices(
  t: TestContext,
  directory: string,
  now: () => number = Date.now,
): Promise<TestDevices> {
  const lines: string[] = [];
  const log = (_level: string, message: string) => void lines.push(message);
  const state = await openDeviceState(directory, log);
  const registry = new DeviceRegistry({ state, sockets, log, metrics: new DeviceMetrics(), now });
  await prepareDirectory(directory, log);
  const server = await serveUnixSocket(
    join(directory, 'kubelet.sock'),
    registration(registry, directory, log),
  );
  let open = true;
  const close = async () => {
    if (!open) return;
    open = false;
    await server.close();
    await registry.close();
  };
  atEnd(t, close);
  return {
    directory,
    registry,
    manager: new DeviceManager(registry, log),
    lines,
    async healthy(resource, count) {
      await until(`${count} devices of ${resource} are healthy`, () => {
        const known = registry.resource(resource);
        return known !== undefined && known.healthy().length === count;
      });
    },
    close,
  };
}

/** A pod whose containers ask for so many devices of each resource. */
export function podOf(
  uid: string,
  containers: Record<string, Record<string, number>>,
  init: Record<string, Record<string, number>> = {},
): Pod {
  const list = (wanted: Record<string, Record<string, number>>) =>
    Object.entries(wanted).map(([name, limits]) => ({ name, image: 'x', resources: { limits } }));
  return decodePod(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: uid, uid },
      spec: { containers: list(containers), initContainers: list(init) },
    },
    { file: `${uid}.yaml`, node: 'n' },
  );
}

/** What the node knows of a pod that is new, besides others that are alive. */
export function newPod(uid: string, others: readonly string[] = [], running: readonly string[] = []) {
  return { alive: new Set([uid, ...others]), running: new Set(running) };
}

export const signal = AbortSignal.timeout(600_000);
