import { defineCommand, UsageError } from '../command.ts';
import { containerFlag } from '../container-stream.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { openDaemonStream, podNamed, printStream, statusOf } from '../daemon-stream.ts';

export const logs = defineCommand({
  name: 'logs',
  operands: '[NAMESPACE/]POD',
  short: 'Print what a container has written',
  long: `Prints what a container of a pod on this node has written, its standard error on standard error. Bytes come as
the container wrote them: where the output is a terminal, it sees them too.`,
  examples: ['logs counters', 'logs kube-system/proxy -c agent --tail 20 -f', 'logs counters --previous'],
  flags: {
    ...daemonFlags,
    ...containerFlag,
    follow: { kind: 'bool', short: 'f', usage: 'go on with what is written, until the container ends' },
    tail: { kind: 'int64', usage: 'only the last `LINES`' },
    previous: { kind: 'bool', short: 'p', usage: 'of the run before this one' },
  },
  args: { min: 1, max: 1 },
  complete: 'none',
  async run({ flags, given, args: [name = ''], console }) {
    if (flags.tail < 0) throw new UsageError('--tail is negative');
    const { namespace, pod } = podNamed(name);
    const client = await daemonClient(flags);
    const path = await client.log(
      namespace,
      pod,
      {
        ...(flags.container ? { container: flags.container } : {}),
        ...(given.has('tail') ? { tail: flags.tail } : {}),
        follow: flags.follow,
        previous: flags.previous,
      },
      console.signal,
    );
    const web = await openDaemonStream(flags, path, console.signal);
    console.signal.addEventListener('abort', () => web.destroy(), { once: true });
    const end = await printStream(web, console);
    if (console.signal.aborted) return 130;
    return statusOf(end, 'reading the log');
  },
});
