import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Duplex } from 'node:stream';
import { streamTar } from '../archive/tar-stream.ts';
import { readChunks } from '../bytes/byte-source.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { MemoryVolumes } from '../pods/pod-directories.ts';
import type { Runtime } from '../pods/pod-runtime.ts';
import type { UnpackVolume } from '../pods/pod-volumes.ts';
import { type Connections, probeAsker } from '../pods/probe-asker.ts';
import type { ProbesOptions } from '../pods/probes.ts';
import { probeGrpc, probeHttp, probeTcp } from '../probe/network-probe.ts';
import { unpackLayer } from '../runtime/builtin/layer-unpack.ts';
import { isMounted, mountPoints, mountTmpfs, unmount } from '../runtime/builtin/mounts.ts';

/** Volumes in memory, by the kernel's tmpfs. */
export const tmpfsVolumes: MemoryVolumes = {
  async mount(path, mode, bytes) {
    if (!(await isMounted(path))) await mountTmpfs(path, mode, bytes ?? '50%');
  },
  async unmountBelow(path) {
    const inside = (await mountPoints()).filter((point) => point.startsWith(`${path}/`));
    for (const point of [...new Set(inside)].reverse()) await unmount(point);
  },
};

/** What was in a volume, unpacked by the rules for what is not trusted. */
export const unpackVolume: UnpackVolume = async (archive, folder, signal) => {
  const { notes } = await unpackLayer(streamTar(readChunks(archive, 1 << 20, signal)), {
    folder,
    plain: true,
    xattrs: true,
  });
  return notes;
};

/** The address that pods on the node's network are told: the first that is not the loopback device's. */
export function hostAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outside = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  const found = outside.find(({ family }) => family === 'IPv4') ?? outside[0];
  return found?.address ?? '127.0.0.1';
}

export interface ProbeWiring {
  runtime: Runtime;
  hostIP: string;
  onHostNetwork(uid: string): boolean;
  /** A connection from inside a pod, where the runtime can make one. */
  insidePod?: Connections['insidePod'];
}

/** How containers are asked for their health on this node. */
export function probes({ insidePod, ...options }: ProbeWiring): ProbesOptions['ask'] {
  return probeAsker({
    ...options,
    network: { http: probeHttp, tcp: probeTcp, grpc: probeGrpc },
    connections: {
      toAddress,
      insidePod:
        insidePod ??
        (async () => {
          throw new CodedError('failed-precondition', 'the pod has no address that this node reaches');
        }),
    },
  });
}

function toAddress(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}
