import { defineCommand } from '../command.ts';

export const ls = defineCommand({
  name: 'ls',
  operands: 'CHECKPOINT',
  short: 'List the members of a checkpoint',
  long: `List the members of a checkpoint, of the changes that the container made to its root file system, or the files
of its image that it had deleted.`,
  examples: [
    'ls checkpoint.tar',
    'ls --rootfs checkpoint.tar',
    'ls --deleted checkpoint.tar',
    'ls --in /dev checkpoint.tar',
    'ls --in volumes/data.tar checkpoint.tar',
    'ls --format json checkpoint.tar',
  ],
  flags: {
    in: {
      kind: 'string',
      usage: 'List an archive inside: a `MEMBER`, or where a file system in memory was mounted',
    },
    rootfs: { kind: 'bool', usage: 'List what the container changed in its root file system' },
    deleted: { kind: 'bool', usage: "List the image's files that the container had deleted" },
    format: { kind: 'enum', values: ['table', 'json'], usage: 'How to print: table or json' },
  },
  args: { min: 1, max: 1 },
  complete: 'files',
  readsArchives: true,
  async run({ flags, args: [path = ''], console }) {
    const { listMembers } = await import('../list-members.ts');
    await listMembers(path, flags, console);
  },
});
