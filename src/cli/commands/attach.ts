import { defineCommand } from '../command.ts';
import { containerFlag, streamOptions, throughStream } from '../container-stream.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { podNamed, statusOf } from '../daemon-stream.ts';

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
    ...containerFlag,
    stdin: { kind: 'bool', short: 'i', usage: 'hand standard input to it' },
    tty: { kind: 'bool', short: 't', usage: 'standard input is the terminal that it has' },
  },
  args: { min: 1, max: 1 },
  complete: 'none',
  async run({ flags, args: [name = ''], console }) {
    const { namespace, pod } = podNamed(name);
    const options = streamOptions(flags);
    const client = await daemonClient(flags);
    const path = await client.attach(namespace, pod, options, console.signal);
    const end = await throughStream(flags, path, console);
    return console.signal.aborted ? 130 : statusOf(end, 'attaching to the container');
  },
});
