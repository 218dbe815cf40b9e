import { defineCommand } from '../command.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { printable } from '../output/escape.ts';

export const restore = defineCommand({
  name: 'restore',
  operands: 'ARCHIVE',
  short: 'Continue a container or a pod from its archive, as a pod of this node',
  long: `Asks the daemon to make a pod out of an archive on its node.

The archive of a container becomes a new pod with that one container; the archive of a pod becomes that pod. What
the archive holds is checked before anything is started. The archive stays as it is.`,
  examples: [
    'restore /var/lib/kubelet/checkpoints/checkpoint-counters_default-counter-2026-11-21T01:21:08Z.tar',
    'restore pod.tar --name counters-2',
  ],
  flags: {
    ...daemonFlags,
    name: { kind: 'string', usage: '`NAME` of the pod to make; the one in the archive where left out' },
    namespace: { kind: 'string', short: 'n', usage: '`NAMESPACE` of the pod to make' },
    output: { kind: 'enum', short: 'o', values: ['text', 'json'], usage: 'how to print what was made' },
  },
  args: { min: 1, max: 1 },
  complete: 'files',
  async run({ flags, args: [archive = ''], console }) {
    const client = await daemonClient(flags);
    const { realpath } = await import('node:fs/promises');
    const { pod } = await client.restore(
      {
        archive: flags.server ? archive : await realpath(archive),
        ...(flags.name ? { name: flags.name } : {}),
        ...(flags.namespace ? { namespace: flags.namespace } : {}),
      },
      console.signal,
    );
    if (flags.output === 'json') console.out.write(`${JSON.stringify(pod, null, 2)}\n`);
    else console.out.write(`pod ${printable(`${pod.namespace}/${pod.name}`)} restored\n`);
  },
});
