import type { Duplex } from 'node:stream';
import type { Container } from './pod.ts';
import { type Runtime, sandboxAddress } from './pod-runtime.ts';
import type { ProbesOptions, ProbeTarget } from './probes.ts';
import { fromRpc } from './rpc-error.ts';

type Dial = (signal: AbortSignal) => Promise<Duplex>;

/** Ways to ask over the network. */
export interface NetworkProbes {
  http(
    dial: Dial,
    probe: {
      path: string;
      host: string;
      scheme: 'HTTP' | 'HTTPS';
      headers: readonly { name: string; value: string }[];
    },
    signal: AbortSignal,
  ): Promise<string | undefined>;
  tcp(dial: Dial, signal: AbortSignal): Promise<string | undefined>;
  grpc(dial: Dial, service: string, signal: AbortSignal): Promise<string | undefined>;
}

/** Ways to a port. */
export interface Connections {
  /** Of an address that this machine reaches. */
  toAddress(host: string, port: number, signal: AbortSignal): Promise<Duplex>;
  /** Inside a pod that only reaches itself. */
  insidePod(sandboxId: string, port: number, signal: AbortSignal): Promise<Duplex>;
}

export interface ProbeAskerOptions {
  runtime: Runtime;
  network: NetworkProbes;
  connections: Connections;
  /** Address of pods that are on the node's network. */
  hostIP: string;
  /** Whether the pod with this uid is on the node's network. */
  onHostNetwork(uid: string): boolean;
}

/** Carries out probes: a command through the runtime, everything else over a connection to the pod. */
export function probeAsker(options: ProbeAskerOptions): ProbesOptions['ask'] {
  const { runtime, network } = options;
  return async (target, probe, signal) => {
    const { exec, httpGet, tcpSocket, grpc } = probe;
    if (exec) return askCommand(runtime, target, exec.command, probe.timeoutSeconds ?? 1, signal);
    if (httpGet) {
      const port = portOf(httpGet.port, target.container);
      const { path = '/', scheme = 'HTTP', httpHeaders: headers = [] } = httpGet;
      const address = await addressOf(options, target, httpGet.host, signal);
      const host = `${address === '' ? 'localhost' : bracketed(address)}:${port}`;
      return network.http(dialer(options, target, address, port), { path, host, scheme, headers }, signal);
    }
    const port = grpc ? grpc.port : portOf(tcpSocket?.port ?? 0, target.container);
    const address = await addressOf(options, target, tcpSocket?.host, signal);
    const dial = dialer(options, target, address, port);
    return grpc ? network.grpc(dial, grpc.service ?? '', signal) : network.tcp(dial, signal);
  };
}

async function askCommand(
  runtime: Runtime,
  { id }: ProbeTarget,
  command: readonly string[],
  seconds: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const request = { containerId: id, cmd: [...command], timeout: BigInt(seconds) };
  try {
    const { exitCode, stdout, stderr } = await runtime.execSync(request, { signal });
    if (exitCode === 0) return undefined;
    const said = new TextDecoder()
      .decode(stderr.length > 0 ? stderr : stdout)
      .trim()
      .slice(0, 200);
    return `command ended with status ${exitCode}${said === '' ? '' : `: ${said}`}`;
  } catch (error) {
    throw fromRpc('running its command', error);
  }
}

/** Where a pod is reached; empty for one that only reaches itself. */
function addressOf(
  { runtime, hostIP, onHostNetwork }: ProbeAskerOptions,
  { uid, sandboxId }: ProbeTarget,
  host: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  if (host) return Promise.resolve(host);
  if (onHostNetwork(uid)) return Promise.resolve(hostIP);
  return sandboxAddress(runtime, sandboxId, signal);
}

function dialer(
  { connections }: ProbeAskerOptions,
  { sandboxId }: ProbeTarget,
  address: string,
  port: number,
): Dial {
  return (signal) =>
    address === ''
      ? connections.insidePod(sandboxId, port, signal)
      : connections.toAddress(address, port, signal);
}

function portOf(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  return container.ports?.find(({ name }) => name === port)?.containerPort ?? 0;
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
