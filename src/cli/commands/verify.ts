import { defineCommand } from '../command.ts';

export const verify = defineCommand({
  name: 'verify',
  operands: 'CHECKPOINT...',
  short: 'Check that checkpoints are complete, unaltered and sane',
  long: `Check that checkpoints are complete, unaltered and sane: names and links that could do harm, members that are
missing, digests recorded at capture, that every image of CRIU's can be read, and what in the specification reaches out
of the container. --needs (and JSON always) lists what a restore would need, with the reason: the kind of machine and
processor, kernel and CRIU, the image, mounts, devices, namespaces and options. --against-node looks for each of them on the node that
this runs on: what is here, what is missing, and what only a restore will show.

Ends with status 0 when all is well, warnings included, 1 when there is an error in a checkpoint, it cannot be
read, or with --against-node something is missing, 2 when the command line is wrong.`,
  examples: [
    'verify checkpoint.tar',
    'verify --needs checkpoint.tar',
    'verify --against-node checkpoint.tar',
    'verify --format json /var/lib/kubelet/checkpoints/*.tar',
  ],
  flags: {
    'against-node': { kind: 'bool', usage: 'List what a restore would need, and whether this node has it' },
    'container-runtime-endpoint': {
      kind: 'string',
      usage: '`SOCKET` of the container runtime to ask for the image, as unix:///PATH',
      complete: 'files',
    },
    format: { kind: 'enum', values: ['text', 'json'], usage: 'How to print: text or json' },
    needs: { kind: 'bool', usage: 'List what a restore would need' },
  },
  args: { min: 1 },
  complete: 'files',
  readsArchives: true,
  async run({ flags, args, console }) {
    const { verifyCheckpoints } = await import('../verify-checkpoints.ts');
    return verifyCheckpoints(args, flags, console);
  },
});
