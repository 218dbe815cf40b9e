import { defineCommand } from '../command.ts';

export const verify = defineCommand({
  name: 'verify',
  operands: 'CHECKPOINT...',
  short: 'Check that checkpoints are complete, unaltered and sane',
  long: `Check that checkpoints are complete, unaltered and sane: names and links that could do harm, members that are
missing, digests recorded at capture, and that every image of CRIU's can be read. Ends with status 1 when there
is an error; warnings do not count.`,
  examples: ['verify checkpoint.tar', 'verify --format json /var/lib/kubelet/checkpoints/*.tar'],
  flags: { format: { kind: 'enum', values: ['text', 'json'], usage: 'How to print: text or json' } },
  args: { min: 1 },
  complete: 'files',
  readsArchives: true,
  async run({ flags, args, console }) {
    const { verifyCheckpoints } = await import('../verify-checkpoints.ts');
    return verifyCheckpoints(args, flags.format, console);
  },
});
