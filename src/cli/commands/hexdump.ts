import { defineCommand } from '../command.ts';

export const hexdump = defineCommand({
  name: 'hexdump',
  operands: 'CHECKPOINT',
  short: 'Print memory of a process in hexadecimal',
  examples: [
    'hexdump --pid 1 --range 7ffd1000-7ffd2000 checkpoint.tar',
    'hexdump --pid 1 --map "[stack]" checkpoint.tar',
  ],
  flags: {
    pid: { kind: 'uint32', short: 'p', usage: 'The process; the first one where it is left out' },
    range: {
      kind: 'string',
      usage: 'Addresses `START-END` in hexadecimal, as in a list of maps',
      complete: 'none',
    },
    map: { kind: 'string', usage: 'The maps of this `NAME`: a path, [heap], [stack]', complete: 'none' },
  },
  args: { min: 1, max: 1 },
  complete: 'files',
  readsArchives: true,
  async run({ flags, args: [path = ''], console }) {
    const { printHexdump } = await import('../memory-commands.ts');
    await printHexdump(path, flags, console);
  },
});
