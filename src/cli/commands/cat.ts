import { defineCommand } from '../command.ts';

export const cat = defineCommand({
  name: 'cat',
  operands: 'CHECKPOINT MEMBER...',
  short: 'Print members of a checkpoint',
  long: `Print members of a checkpoint, or files that the container changed in its root file system, byte by byte. What
goes to a terminal is escaped.`,
  examples: [
    'cat checkpoint.tar dump.log',
    'cat checkpoint.tar checkpoint/pstree.img | stasis crit decode --pretty',
    'cat --rootfs checkpoint.tar etc/hostname',
  ],
  flags: {
    rootfs: { kind: 'bool', usage: 'Print files that the container changed in its root file system' },
  },
  args: { min: 2 },
  complete: 'files',
  readsArchives: true,
  async run({ flags, args: [path = '', ...members], console }) {
    const { printMembers } = await import('../list-members.ts');
    await printMembers(path, members, flags.rootfs, console);
  },
});
