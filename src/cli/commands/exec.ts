import { defineCommand, UsageError } from '../command.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { openDaemonStream, podNamed, printStream, statusOf } from '../daemon-stream.ts';
import { enterTerminal, sendInput } from '../terminal-input.ts';

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
    container: {
      kind: 'string',
      short: 'c',
      usage: 'the `NAME` of the container; the first of the pod where left out',
    },
    stdin: { kind: 'bool', short: 'i', usage: 'hand standard input to it' },
    tty: { kind: 'bool', short: 't', usage: 'give it a terminal' },
  },
  args: { min: 2 },
  complete: 'none',
  async run({ flags, args: [name = '', ...command], console }) {
    const { namespace, pod } = podNamed(name);
    const isTerminal = process.stdin.isTTY === true;
    if (flags.tty && flags.stdin && !isTerminal) {
      throw new UsageError('-t needs a terminal as standard input: leave it out, or -i');
    }
    const options = {
      ...{ command, stdin: flags.stdin, tty: flags.tty },
      ...(flags.container ? { container: flags.container } : {}),
    };
    const client = await daemonClient(flags);
    const path = await client.exec(namespace, pod, options, console.signal);
    const web = await openDaemonStream(flags, path, console.signal);
    console.signal.addEventListener('abort', () => web.destroy(), { once: true });
    const leave = flags.tty && flags.stdin ? enterTerminal(web) : () => {};
    if (flags.stdin) void sendInput(web);
    try {
      return statusOf(await printStream(web, console), 'running the command');
    } finally {
      leave();
    }
  },
});
