import { defineCommand } from '../command.ts';

export const search = defineCommand({
  name: 'search',
  operands: 'CHECKPOINT [PATTERN]',
  short: 'Search the memory of all processes',
  long: `Search the memory of all processes and of shared segments for text, bytes or an expression, or for what looks
like a secret. Ends with status 1 when nothing is found, and with 2 when the search fails.

Expressions have RE2's syntax, as in Go: nothing looks around or refers back, so that no memory, however it was
made, can keep a search busy for ever. Each byte is a character; a match has at most 8192 bytes.`,
  examples: [
    'search checkpoint.tar PASSWORD',
    'search --regex checkpoint.tar "AKIA[0-9A-Z]{16}"',
    'search --hex checkpoint.tar "7f 45 4c 46 ?? 01"',
    'search --secrets --format json checkpoint.tar',
  ],
  flags: {
    regex: { kind: 'bool', short: 'e', usage: 'PATTERN is a regular expression over bytes' },
    hex: { kind: 'bool', usage: 'PATTERN is pairs of hexadecimal digits, ?? for any byte' },
    utf16: { kind: 'bool', usage: 'PATTERN is text in UTF-16' },
    'ignore-case': { kind: 'bool', short: 'i', usage: 'Letters match in either case' },
    secrets: { kind: 'bool', usage: 'Look for keys, tokens and passwords' },
    pid: { kind: 'stringArray', short: 'p', usage: 'Only the process `PID`; may be given several times' },
    context: { kind: 'uint32', short: 'c', default: 16, usage: 'Bytes to show on each side' },
    limit: { kind: 'uint32', usage: 'End after this many hits; 0 for no limit' },
    format: {
      kind: 'enum',
      values: ['table', 'json'],
      usage: 'How to print: table, or json, one hit on each line',
    },
  },
  args: { min: 1, max: 2 },
  complete: 'files',
  failureStatus: 2,
  readsArchives: true,
  async run({ flags, args: [path = '', pattern], console }) {
    const { searchCheckpoint } = await import('../search-checkpoint.ts');
    return searchCheckpoint(path, pattern, flags, console);
  },
});
