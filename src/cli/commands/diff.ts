import { defineCommand } from '../command.ts';

export const diff = defineCommand({
  name: 'diff',
  operands: 'CHECKPOINT-A CHECKPOINT-B',
  short: 'Show changes between two container checkpoints',
  long: `Show changes between two checkpoints of one container: processes, memory, and on request open files, sockets, mounts,
the root file system, and which pages of memory differ.
With --ps-tree-cmd and --ps-tree-env a process counts as modified when its arguments or environment changed.`,
  examples: [
    'diff before.tar after.tar',
    'diff --memory --mounts --rootfs before.tar after.tar',
    'diff --files --sockets --format json before.tar after.tar',
  ],
  flags: {
    files: { kind: 'bool', usage: 'Show changes of open file descriptors' },
    format: {
      kind: 'string',
      default: 'tree',
      values: ['tree', 'json'],
      usage: 'Specify the output format: tree or json',
    },
    memory: { kind: 'bool', usage: 'Compare memory page by page, and show where each map differs' },
    mounts: { kind: 'bool', usage: 'Show changes of the mount table' },
    'ps-tree-cmd': { kind: 'bool', usage: 'Compare command line arguments' },
    'ps-tree-env': { kind: 'bool', usage: 'Compare environment variables' },
    rootfs: { kind: 'bool', usage: 'Show changes of the root file system' },
    'show-unchanged': {
      kind: 'bool',
      usage: 'Show what did not change, too (tree only; JSON always has it)',
    },
    sockets: { kind: 'bool', usage: 'Show changes of sockets' },
  },
  args: { min: 2, max: 2 },
  complete: 'files',
  compatible: true,
  readsArchives: true,
  async run({ flags, args: [a = '', b = ''], console }) {
    const { diffCheckpoints } = await import('../diff-checkpoints.ts');
    await diffCheckpoints(a, b, flags, console);
  },
});
