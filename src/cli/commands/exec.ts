import { defineCommand } from '../command.ts';
import { containerFlag, streamOptions, throughStream } from '../container-stream.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { podNamed, statusOf } from '../daemon-stream.ts';

export const exec = defineCommand({
  name: 'exec',
  operands: '[NAMESPACE/]POD -- COMMAND [ARG...]',
  short: 'Run a command in a container',
  long: `Runs a command in a running container of a pod on this node and ends with its exit status. With -i standard
input is handed to it, with -t it gets a terminal. A container runtime that speaks only version 4 of the protocol
(containerd does) cannot be told that the input has ended: a command that waits for that goes on waiting.`,
  examples: ['exec counters -- ps', 'exec -it default/my-redis -c redis -- /bin/sh'],
  flags: {
    ...daemonFlags,
    ...containerFlag,
    stdin: { kind: 'bool', short: 'i', usage: 'hand standard input to it' },
    tty: { kind: 'bool', short: 't', usage: 'give it a terminal' },
  },
  args: { min: 2 },
  complete: 'none',
  async run({ flags, args: [name = '', ...command], console }) {
    const { namespace, pod } = podNamed(name);
    const options = { command, ...streamOptions(flags) };
    const client = await daemonClient(flags);
    const path = await client.exec(namespace, pod, options, console.signal);
    return statusOf(await throughStream(flags, path, console), 'running the command');
  },
});
