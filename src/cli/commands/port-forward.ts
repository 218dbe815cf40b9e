import { defineCommand } from '../command.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { openDaemonStream, podNamed } from '../daemon-stream.ts';
import { forwardPorts, portPair } from '../forward-ports.ts';

export const portForward = defineCommand({
  name: 'port-forward',
  operands: '[NAMESPACE/]POD [LOCAL:]PORT...',
  short: 'Forward local ports to ports of a pod',
  long: `Listens on local ports and forwards each connection to a port of a pod on this node, inside the pod, whether or not
it can be reached from outside, until the command is interrupted. PORT alone is the same port on both sides; with :PORT any
free local port is taken, which the first lines name. A container runtime that speaks only version 4 of the protocol
(containerd does) cannot be told that a client has sent everything: what waits for that goes on waiting for ten seconds.`,
  examples: [
    'port-forward web 8080:80',
    'port-forward kube-system/dns :53 9153',
    'port-forward --address 0.0.0.0 web 80',
  ],
  flags: {
    ...daemonFlags,
    address: { kind: 'string', default: '127.0.0.1', usage: 'the local `ADDRESS` to listen on' },
  },
  args: { min: 2 },
  complete: 'none',
  async run({ flags, args: [name = '', ...ports], console }) {
    const { namespace, pod } = podNamed(name);
    const pairs = ports.map(portPair);
    const client = await daemonClient(flags);
    // Whether there is such a pod is said now, and not to the first that connects.
    await client.pod(namespace, pod, console.signal);
    const open = async (port: number, signal: AbortSignal) => {
      const path = await client.portForward(namespace, pod, { ports: [port] }, signal);
      return openDaemonStream(flags, path, signal);
    };
    await forwardPorts(pairs, flags.address, open, console);
    return 130;
  },
});
