import { defineCommand } from '../command.ts';

export const memdump = defineCommand({
  name: 'memdump',
  operands: 'CHECKPOINT',
  short: 'Write one map, or a range of addresses, to a file',
  long: `Write one map, or a range of addresses, of a process to a file, byte by byte. Pages that are not in the
checkpoint become zeros; how many these were is said on standard error.`,
  examples: [
    'memdump --pid 1 --map "[heap]" -o heap.bin checkpoint.tar',
    'memdump --pid 1 --range 401000-402000 -o code.bin checkpoint.tar',
  ],
  flags: {
    pid: { kind: 'uint32', short: 'p', usage: 'The process; the first one where it is left out' },
    range: {
      kind: 'string',
      usage: 'Addresses `START-END` in hexadecimal, as in a list of maps',
      complete: 'none',
    },
    map: { kind: 'string', usage: 'The first map of this `NAME`: a path, [heap], [stack]', complete: 'none' },
    output: { kind: 'string', short: 'o', usage: '`FILE` to write; private', complete: 'files' },
  },
  args: { min: 1, max: 1 },
  complete: 'files',
  readsArchives: true,
  async run({ flags, args: [path = ''], console }) {
    const { writeMemory } = await import('../memory-commands.ts');
    await writeMemory(path, flags, console);
  },
});
