import { defineCommand } from '../command.ts';
import { kubeletCheckpoints } from '../open.ts';

export const list = defineCommand({
  name: 'list',
  operands: '[DIR]...',
  short: 'List checkpoints stored in the default and additional directories',
  long: `List the checkpoint archives in directories: files whose names start with "checkpoint-". Without DIR, those
in the kubelet's directory. An archive that cannot be read is named on standard error.

What is printed of an archive is remembered until the archive changes, in a private file: below /var/cache/stasis
for root, in the user's own cache for others, or in CACHE_DIRECTORY.`,
  examples: ['list', 'list /mnt/node/var/lib/kubelet/checkpoints', 'list --format json | jq length'],
  flags: {
    format: { kind: 'enum', values: ['table', 'json'], usage: 'How to print: table or json' },
    'no-index': { kind: 'bool', usage: 'Read every archive, and remember nothing' },
  },
  args: {},
  complete: 'directories',
  compatible: true,
  readsArchives: true,
  async run({ flags, args, console }) {
    const { listDirectories } = await import('../list-directories.ts');
    const directories = args.length > 0 ? args : [`${kubeletCheckpoints}/`];
    await listDirectories(directories, { format: flags.format, index: !flags['no-index'] }, console);
  },
});
