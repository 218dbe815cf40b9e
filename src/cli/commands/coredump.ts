import { defineCommand } from '../command.ts';

export const coredump = defineCommand({
  name: 'coredump',
  operands: 'CHECKPOINT',
  short: 'Write a process as an ELF core file for a debugger',
  long: `Write a process as an ELF core file for a debugger: threads, registers, memory, auxiliary vector, mapped files.
Without --output the file is core.PID in the current directory. It is private and has holes.`,
  examples: [
    'coredump --pid 1 checkpoint.tar',
    'coredump --pid 7 -o app.core checkpoint.tar && gdb ./app app.core',
  ],
  flags: {
    pid: { kind: 'uint32', short: 'p', usage: 'The process; the first one where it is left out' },
    output: { kind: 'string', short: 'o', usage: '`FILE` to write', complete: 'files' },
  },
  args: { min: 1, max: 1 },
  complete: 'files',
  readsArchives: true,
  async run({ flags, args: [path = ''], console }) {
    const { writeCore } = await import('../memory-commands.ts');
    await writeCore(path, flags, console);
  },
});
