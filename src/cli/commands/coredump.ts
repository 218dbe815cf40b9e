import { defineCommand } from '../command.ts';

export const coredump = defineCommand({
  name: 'coredump',
  operands: 'CHECKPOINT',
  short: 'Write a process as an ELF core file for a debugger',
  long: `Write a process as an ELF core file for a debugger: threads, registers, memory, auxiliary vector, mapped files.
Without --output the file is core.PID in the current directory. It is private and has holes.
What a process only had mapped from files is not in a checkpoint: a debugger looks for it in the files, or --sysroot
takes it from them. There, files of another size or build id are refused.`,
  examples: [
    'coredump --pid 1 checkpoint.tar',
    'coredump --pid 7 -o app.core checkpoint.tar && gdb ./app app.core',
    'coredump -o app.core --sysroot rootfs checkpoint.tar && gdb -ex "set sysroot rootfs" rootfs/app app.core',
  ],
  flags: {
    pid: { kind: 'uint32', short: 'p', usage: 'The process; the first one where it is left out' },
    output: { kind: 'string', short: 'o', usage: '`FILE` to write', complete: 'files' },
    sysroot: {
      kind: 'string',
      usage:
        'Take mapped files from below `DIRECTORY`, a root file system with the programs of the container',
      complete: 'directories',
    },
  },
  args: { min: 1, max: 1 },
  complete: 'files',
  readsArchives: true,
  async run({ flags, args: [path = ''], console }) {
    const { writeCore } = await import('../memory-commands.ts');
    await writeCore(path, flags, console);
  },
});
