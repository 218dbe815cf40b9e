import { defineCommand, type Invocation, UsageError } from '../command.ts';
import { kubeletCheckpoints } from '../open.ts';

const flags = {
  target: {
    kind: 'string',
    short: 't',
    default: kubeletCheckpoints,
    usage: 'Directory or archive which contains the Kubernetes checkpoints and metadata',
    complete: 'files',
  },
  'show-pod-uid': { kind: 'bool', usage: 'Show Pod UID in output' },
  'show-pod-ip': { kind: 'bool', usage: 'Show Pod IP in output' },
  format: { kind: 'enum', values: ['table', 'json'], usage: 'How to print FILEs: table or json' },
  'print-stats': { kind: 'bool', usage: 'Print checkpointing statistics if available' },
} as const;

export type ShowFlags = typeof flags;

export const show = defineCommand({
  name: 'show',
  operands: '[FILE]...',
  short: 'Show an overview of container checkpoints',
  long: `Show an overview of container checkpoints.

With FILEs, one line for each of these checkpoint archives. Without, or with --target, the pods that are
listed in a kubelet checkpoints directory, or in an archive that "extract" made of one.`,
  examples: [
    'show checkpoint.tar',
    'show',
    'show --target /mnt/node/var/lib/kubelet/checkpoints --show-pod-uid',
    'show -t /tmp/checkpoints.tar',
  ],
  flags,
  args: {},
  complete: 'files',
  compatible: true,
  readsArchives: true,
  async run(invocation: Invocation<ShowFlags>) {
    const { args, given } = invocation;
    if (args.length > 0 && given.has('target')) {
      throw new UsageError('give FILEs or --target, not both: they are different kinds of checkpoints');
    }
    if (args.length > 0) {
      const { showFiles } = await import('../show-files.ts');
      await showFiles(args, invocation.flags.format, invocation.console);
      return 0;
    }
    const { showTarget } = await import('../show-target.ts');
    return showTarget(invocation);
  },
});
