/**
 * A device plugin, small and whole: hands the device files that it is told of to containers, one to each. Loop
 * devices, serial lines, `/dev/net/tun` … See README.md beside it.
 */
import { type Stats, statSync, watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Code, ConnectError, type ConnectRouter, createClient } from '@connectrpc/connect';
import { DevicePlugin, Registration } from '../../src/gen/deviceplugin/v1beta1/api_pb.ts';
import { dialUnixSocket } from '../../src/grpc/socket-client.ts';
import { type SocketServer, serveUnixSocket } from '../../src/grpc/socket-server.ts';

const usage = `usage: node plugin.ts [--resource NAME] [--directory DIR] DEVICE...
  --resource NAME    what pods ask for it by (example.com/device)
  --directory DIR    where the node's kubelet.sock is (/var/lib/kubelet/device-plugins)
`;
/** Milliseconds between two looks at the devices. */
const healthInterval = 1000;
/** Milliseconds to reach the node. */
const dialTime = 5000;

interface ListedDevice {
  ID: string;
  health: 'Healthy' | 'Unhealthy';
  topology?: { nodes: { ID: bigint }[] };
}

/** `/dev/net/tun` is `net-tun`. */
function idOf(path: string): string {
  return path.replace(/^\/dev\//, '').replaceAll('/', '-');
}

/** A device file that is there is healthy; its NUMA node is what the kernel says of it. */
async function look(path: string): Promise<ListedDevice> {
  const info = await stat(path).catch(() => undefined);
  const there = info?.isCharacterDevice() || info?.isBlockDevice();
  if (!info || !there) return { ID: idOf(path), health: 'Unhealthy' };
  const node = await numaNode(info);
  return { ID: idOf(path), health: 'Healthy', ...(node < 0n ? {} : { topology: { nodes: [{ ID: node }] } }) };
}

async function numaNode(info: Stats): Promise<bigint> {
  const number = `${(info.rdev >> 8) & 0xfff}:${(info.rdev & 0xff) | ((info.rdev >> 12) & 0xfff00)}`;
  const file = `/sys/dev/${info.isBlockDevice() ? 'block' : 'char'}/${number}/device/numa_node`;
  return BigInt((await readFile(file, 'utf8').catch(() => '-1')).trim());
}

/** The plugin's five calls. */
function routes(resource: string, paths: readonly string[]): (router: ConnectRouter) => void {
  const pathOf = (id: string): string => {
    const found = paths.find((path) => idOf(path) === id);
    if (found === undefined) throw new ConnectError(`there is no device ${id}`, Code.NotFound);
    return found;
  };
  return (router) => {
    router.service(DevicePlugin, {
      getDevicePluginOptions: () => ({ preStartRequired: true, getPreferredAllocationAvailable: true }),
      async *listAndWatch(_request, { signal }) {
        for (let last = ''; !signal.aborted; await pause(healthInterval, signal)) {
          const devices = await Promise.all(paths.map(look));
          const now = devices.map(({ ID, health }) => `${ID} ${health}`).join('\n');
          if (now !== last) yield { devices };
          last = now;
        }
      },
      // In the order of the command line, so that a container gets neighbours.
      getPreferredAllocation: ({ containerRequests }) => ({
        containerResponses: containerRequests.map((request) => {
          const free = paths.map(idOf).filter((id) => request.availableDeviceIDs.includes(id));
          const first = new Set([...request.mustIncludeDeviceIDs, ...free]);
          return { deviceIDs: [...first].slice(0, request.allocationSize) };
        }),
      }),
      allocate: ({ containerRequests }) => ({
        containerResponses: containerRequests.map(({ devicesIds }) => {
          const given = devicesIds.map(pathOf);
          const inside = given.map((path) => join('/dev', basename(path)));
          return {
            envs: { [variableOf(resource)]: inside.join(',') },
            devices: given.map((hostPath, at) => ({
              hostPath,
              containerPath: inside[at] ?? hostPath,
              permissions: 'rw',
            })),
            annotations: { [`${resource}.ids`]: devicesIds.join(',') },
          };
        }),
      }),
      async preStartContainer({ devicesIds }) {
        const looks = await Promise.all(devicesIds.map((id) => look(pathOf(id))));
        const lost = looks.find(({ health }) => health !== 'Healthy');
        if (lost) throw new ConnectError(`device ${lost.ID} is not there any more`, Code.Unavailable);
        return {};
      },
    });
  };
}

/** `example.com/loop` is `EXAMPLE_COM_LOOP`. */
function variableOf(resource: string): string {
  return resource.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      done();
    });
  });
}

async function register(directory: string, resourceName: string, endpoint: string): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  const node = await dialUnixSocket(join(directory, 'kubelet.sock'), dialTime, signal);
  try {
    const request = { version: 'v1beta1', endpoint, resourceName };
    await createClient(Registration, node.transport).register(request, { signal });
  } finally {
    node.close();
  }
}

/** Tells one socket from another that took its place; empty where there is none. */
function identity(path: string): string {
  const info = statSync(path, { throwIfNoEntry: false });
  return info ? `${info.dev}:${info.ino}:${info.ctimeMs}` : '';
}

/** Serves, registers, and does both again whenever the node has begun anew. */
async function run(directory: string, resource: string, paths: readonly string[]): Promise<void> {
  const name = `${resource.replaceAll(/[^A-Za-z0-9.-]/g, '_')}.sock`;
  const own = join(directory, name);
  const node = join(directory, 'kubelet.sock');
  let server: SocketServer | undefined;
  let served = '';
  let registeredAt = '';
  const settle = async (): Promise<void> => {
    const found = identity(node);
    if (found === '' || (found === registeredAt && identity(own) === served)) return;
    await server?.close();
    server = await serveUnixSocket(own, routes(resource, paths));
    served = identity(own);
    await register(directory, resource, name);
    registeredAt = found;
    process.stdout.write(`registered ${resource} with ${paths.length} devices\n`);
  };
  let settling: Promise<void> = Promise.resolve();
  const again = () => {
    settling = settling.then(settle).catch((error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    });
  };
  watch(directory, again);
  setInterval(again, healthInterval);
  again();
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    resource: { type: 'string', default: 'example.com/device' },
    directory: { type: 'string', default: '/var/lib/kubelet/device-plugins' },
  },
});
if (positionals.length === 0) {
  process.stderr.write(usage);
  process.exit(2);
}
await run(values.directory, values.resource, positionals);
