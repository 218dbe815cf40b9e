import { join } from 'node:path';
import type { DeviceSummary } from '../api/stasis.ts';
import { deviceList } from '../devicemanager/device-list.ts';
import { DeviceManager, wantedBy } from '../devicemanager/device-manager.ts';
import type { DeviceMetrics } from '../devicemanager/device-metrics.ts';
import { DeviceRegistry } from '../devicemanager/device-registry.ts';
import { openDeviceState } from '../devicemanager/device-state.ts';
import { prepareDirectory, registrationSocket } from '../devicemanager/plugin-directory.ts';
import { PluginWatcher } from '../devicemanager/plugin-watcher.ts';
import { type CpuAndMemory, podResources, podResourcesSocket } from '../devicemanager/pod-resources.ts';
import { registration } from '../devicemanager/registration.ts';
import type { Sockets } from '../devicemanager/sockets.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { dialUnixSocket } from '../grpc/socket-client.ts';
import { serveUnixSocket } from '../grpc/socket-server.ts';
import { runningKubelet } from '../localfs/running-kubelet.ts';
import { nothingGranted } from '../pods/container-grant.ts';
import type { Log, NodePods } from '../pods/node-pods.ts';
import type { NodeResources } from '../pods/node-resources.ts';
import { allContainers } from '../pods/pod.ts';

/** Milliseconds between two looks for resources whose plugin stays away. */
const expiryInterval = 10_000;

/** The devices of this node: who gives them to pods, and the sockets on which plugins and others speak with us. */
export interface NodeDevices {
  resources: NodeResources;
  list(pods: KnownPods): DeviceSummary[];
  /** Starts to serve; before it plugins are not known. */
  start(pods: KnownPods, more: CpuAndMemory): Promise<void>;
  close(): Promise<void>;
}

type KnownPods = Pick<NodePods, 'records' | 'reconsider'>;

const sockets: Sockets = { dial: dialUnixSocket, serve: serveUnixSocket };

/**
 * Opens what is known of devices below the root directory. Where a kubelet works with that directory its plugins,
 * its sockets and its file are left alone, and pods that ask for devices are not admitted.
 */
export async function openNodeDevices(
  rootDirectory: string,
  metrics: DeviceMetrics,
  log: Log,
): Promise<NodeDevices> {
  const directory = join(rootDirectory, 'device-plugins');
  try {
    const kubelet = await runningKubelet(rootDirectory);
    if (kubelet) throw new CodedError('busy', `a kubelet works with ${rootDirectory} (${kubelet.how})`);
    const state = await openDeviceState(directory, log);
    const registry = new DeviceRegistry({ state, sockets, log, metrics, now: Date.now });
    return ownDevices(rootDirectory, directory, registry, log);
  } catch (error) {
    log('warn', `no devices are given to pods: ${messageOf(error)}`);
    return noDevices(messageOf(error));
  }
}

function ownDevices(root: string, directory: string, registry: DeviceRegistry, log: Log): NodeDevices {
  const stopping = new AbortController();
  const servers: { close(): Promise<void> }[] = [];
  return {
    resources: new DeviceManager(registry, log),
    list: (pods) => deviceList(registry, podsOf(pods)),
    async start(pods, more) {
      registry.onChange = () => pods.reconsider();
      const serve = async (path: string, routes: Parameters<Sockets['serve']>[1]) => {
        servers.push(await sockets.serve(path, routes));
      };
      try {
        await prepareDirectory(directory, log);
        await serve(join(directory, registrationSocket), registration(registry, directory, log));
        await serve(
          join(root, podResourcesSocket),
          podResources(registry, more, () => podsOf(pods)),
        );
        const plugins = join(root, 'plugins_registry');
        await new PluginWatcher({ directory: plugins, registry, sockets, log }).start(stopping.signal);
      } catch (error) {
        log('error', `device plugins cannot register: ${messageOf(error)}`);
      }
      const drop = () =>
        registry
          .dropExpired()
          .catch((error: unknown) => log('error', `dropping resources: ${messageOf(error)}`));
      const timer = setInterval(drop, expiryInterval);
      stopping.signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    },
    async close() {
      stopping.abort();
      await Promise.all(servers.map((server) => server.close()));
      await registry.close();
    },
  };
}

function podsOf(pods: KnownPods) {
  return pods.records().flatMap(({ pod, drained }) => (drained ? [] : [pod]));
}

/** A node whose devices are not ours to give. */
function noDevices(reason: string): NodeDevices {
  return {
    resources: {
      async admit(pod, { running }) {
        for (const container of allContainers(pod)) {
          const [wanted] = wantedBy(container).keys();
          if (wanted === undefined || running.has(container.name)) continue;
          throw new CodedError('unavailable', `cannot allocate unregistered device ${wanted}: ${reason}`);
        }
      },
      grant: async () => nothingGranted,
      release: async () => undefined,
    },
    list: () => [],
    start: async () => undefined,
    close: async () => undefined,
  };
}
