import { defineCommand, UsageError } from '../command.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { openDaemonStream, podNamed, printStream, statusOf } from '../daemon-stream.ts';
import { enterTerminal, sendInput } from '../terminal-input.ts';

export const attach = defineCommand({
  name: 'attach',
  operands: '[NAMESPACE/]POD',
  short: 'Be connected to what a container reads and writes',
  long: `Prints what the main process of a container of a pod on this node writes from now on, until it ends or the command
is interrupted; the container goes on. With -i standard input is handed to it, where its manifest says stdin, and with -t
the terminal, where it says tty: control characters go to the container then.`,
  examples: ['attach counters', 'attach -it default/my-shell -c shell'],
  flags: {
    ...daemonFlags,
    container: {
      kind: 'string',
      short: 'c',
      usage: 'the `NAME` of the container; the first of the pod where left out',
    },
    stdin: { kind: 'bool', short: 'i', usage: 'hand standard input to it' },
    tty: { kind: 'bool', short: 't', usage: 'standard input is the terminal that it has' },
  },
  args: { min: 1, max: 1 },
  complete: 'none',
  async run({ flags, args: [name = ''], console }) {
    const { namespace, pod } = podNamed(name);
    if (flags.tty && flags.stdin && process.stdin.isTTY !== true) {
      throw new UsageError('-t needs a terminal as standard input: leave it out, or -i');
    }
    const options = {
      ...{ stdin: flags.stdin, tty: flags.tty },
      ...(flags.container ? { container: flags.container } : {}),
    };
    const client = await daemonClient(flags);
    const path = await client.attach(namespace, pod, options, console.signal);
    const web = await openDaemonStream(flags, path, console.signal);
    console.signal.addEventListener('abort', () => web.destroy(), { once: true });
    const leave = flags.tty && flags.stdin ? enterTerminal(web) : () => {};
    if (flags.stdin) void sendInput(web);
    try {
      const end = await printStream(web, console);
      return console.signal.aborted ? 130 : statusOf(end, 'attaching to the container');
    } finally {
      leave();
    }
  },
});
