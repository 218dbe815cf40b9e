import { defineCommand } from '../command.ts';

export const strings = defineCommand({
  name: 'strings',
  operands: 'CHECKPOINT',
  short: 'Print the texts in the memory of all processes',
  long: 'Print every run of printable ASCII characters in the memory of all processes, with process and address.',
  examples: ['strings checkpoint.tar', 'strings --length 12 --pid 7 checkpoint.tar | sort -u -k 3'],
  flags: {
    length: { kind: 'uint32', short: 'n', default: 4, usage: 'Shortest text to print' },
    pid: { kind: 'stringArray', short: 'p', usage: 'Only the process `PID`; may be given several times' },
  },
  args: { min: 1, max: 1 },
  complete: 'files',
  readsArchives: true,
  async run({ flags, args: [path = ''], console }) {
    const { printStrings } = await import('../memory-commands.ts');
    await printStrings(path, flags, console);
  },
});
