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
    'cat --in /dev/shm checkpoint.tar queue',
    'cat --in volumes/data.tar checkpoint.tar config.json',
  ],
  flags: {
    in: {
      kind: 'string',
      usage: 'Print files of an archive inside: a `MEMBER`, or where a file system in memory was mounted',
    },
    rootfs: { kind: 'bool', usage: 'Print files that the container changed in its root file system' },
  },
  args: { min: 2 },
  complete: 'files',
  readsArchives: true,
  async run({ flags, args: [path = '', ...members], console }) {
    const { printMembers } = await import('../list-members.ts');
    await printMembers(path, members, flags, console);
  },
});
