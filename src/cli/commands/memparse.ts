import { defineCommand } from '../command.ts';

export const memparse = defineCommand({
  name: 'memparse',
  operands: 'FILE...',
  short: 'Analyze container checkpoint memory',
  long: `Analyze container checkpoint memory: how much each process has, or with --pid what is in it. A search with --pid
looks at the first FILE.`,
  examples: [
    'memparse checkpoint.tar',
    'memparse --pid 7 checkpoint.tar | less',
    'memparse --pid 7 --search PASSWORD --context 16 checkpoint.tar',
    'memparse --format json checkpoint.tar | jq ".[0].processes[].memory_size"',
    'memparse --pid 7 --output memory.txt checkpoint.tar',
  ],
  flags: {
    context: {
      kind: 'int',
      short: 'c',
      usage: 'Print the specified number of bytes surrounding each match',
    },
    format: {
      kind: 'enum',
      values: ['table', 'json'],
      usage: 'How to print sizes and matches: table or json',
    },
    output: {
      kind: 'string',
      short: 'o',
      usage: 'Specify the output file to be written to',
      complete: 'files',
    },
    pid: { kind: 'uint32', short: 'p', usage: 'Specify the PID of a process to analyze' },
    search: {
      kind: 'string',
      short: 's',
      usage: 'Search for a string pattern in memory pages',
      complete: 'none',
    },
    'search-regex': {
      kind: 'string',
      short: 'r',
      usage: 'Search for a regex pattern in memory pages',
      complete: 'none',
    },
  },
  args: { min: 1 },
  complete: 'files',
  compatible: true,
  readsArchives: true,
  async run({ flags, args, console }) {
    const { parseMemory } = await import('../parse-memory.ts');
    await parseMemory(args, flags, console);
  },
});
