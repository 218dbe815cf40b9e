import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError } from '../errors/coded-error.ts';
import { capturedConsole } from './captured-console.ts';
import { CommandError, type CommandTable, defineCommand } from './command.ts';
import { commands } from './commands.ts';
import { BrokenPipe } from './console.ts';
import { run } from './run.ts';

/** A small program: commands of both families, a group, one that fails in every way. */
const sample: CommandTable = {
  ...commands,
  show: async () =>
    defineCommand({
      name: 'show',
      operands: 'FILE...',
      short: 'Show files',
      examples: ['# two files', 'show a b'],
      flags: {
        pid: { kind: 'uint32', short: 'p', usage: 'Only process `PID`' },
        format: { kind: 'enum', values: ['tree', 'json'], usage: 'How to print' },
      },
      args: { min: 1 },
      compatible: true,
      async run({ flags, args, console }) {
        console.out.write(`${flags.pid} ${flags.format} ${args.join('|')}\n`);
      },
    }),
  diff: async () =>
    defineCommand({
      name: 'diff',
      short: 'Two files',
      args: { min: 2, max: 2 },
      compatible: true,
      async run() {},
    }),
  crit: async () =>
    defineCommand({
      name: 'crit',
      short: 'Images',
      commands: {
        info: async () => defineCommand({ name: 'info', short: 'Info', async run() {} }),
      },
    }),
  fail: async () =>
    defineCommand({
      name: 'fail',
      short: 'Fails',
      args: { min: 1, max: 2 },
      async run({ args: [how] }) {
        if (how === 'coded') throw new CodedError('corrupt', 'a\nb\u001b', { hint: 'try again' });
        if (how === 'lines') throw new CommandError('a\n: b\u001b', { status: 7 });
        if (how === 'cancelled') throw new CodedError('cancelled', 'interrupted');
        if (how === 'pipe') throw new BrokenPipe();
        if (how === 'status') return 3;
        await (await import('node:fs/promises')).open('/nonexistent\u001b/x');
        return 0;
      },
    }),
};

const cases: readonly { line: string[]; status: number; out?: string; err?: string }[] = [
  { line: ['show', '-p7', 'a', '--format=json', 'b'], status: 0, out: '7 json a|b\n' },
  { line: ['--format', 'json', 'show', 'a'], status: 0, out: '0 json a\n' },
  { line: ['show'], status: 1, err: 'Error: requires at least 1 arg(s), only received 0\n' },
  { line: ['show', '--foo'], status: 1, err: 'Error: unknown flag: --foo\n' },
  { line: ['diff', 'a'], status: 1, err: 'Error: accepts 2 arg(s), received 1\n' },
  { line: ['fail', 'a', 'b', 'c'], status: 2, err: 'Error: accepts between 1 and 2 arg(s), received 3\n' },
  { line: ['fail', '--foo'], status: 2, err: 'Error: unknown flag: --foo\n' },
  { line: ['fail', 'coded'], status: 1, err: 'Error: a\\nb\\x1b\ntry again\n' },
  { line: ['fail', 'lines'], status: 7, err: 'Error: a\n: b\\x1b\n' },
  { line: ['fail', 'cancelled'], status: 130, err: 'Error: interrupted\n' },
  { line: ['fail', 'pipe'], status: 141 },
  { line: ['fail', 'status'], status: 3 },
  {
    line: ['fail', 'system'],
    status: 1,
    err: 'Error: open /nonexistent\\x1b/x: no such file or directory\n',
  },
  {
    line: ['shwo', 'x'],
    status: 1,
    err: `Error: unknown command "shwo" for "stasis"\n\nDid you mean this?\n\tshow\n\nRun 'stasis --help' for usage.\n`,
  },
  {
    line: ['foo\u001b'],
    status: 1,
    err: `Error: unknown command "foo\\x1b" for "stasis"\nRun 'stasis --help' for usage.\n`,
  },
  {
    line: ['constructor'],
    status: 1,
    err: `Error: unknown command "constructor" for "stasis"\nRun 'stasis --help' for usage.\n`,
  },
  {
    line: ['crit', 'inf'],
    status: 2,
    err: `Error: unknown command "inf" for "stasis crit"\n\nDid you mean this?\n\tinfo\n\nRun 'stasis crit --help' for usage.\n`,
  },
  {
    line: ['completion', 'bash', 'extra'],
    status: 1,
    err: 'Error: unknown command "extra" for "stasis completion bash"\n',
  },
  {
    line: ['help', 'show'],
    status: 0,
    out: `Show files

Usage:
  stasis show [flags] FILE...

Examples:
  # two files
  stasis show a b

Flags:
      --format string   How to print (default "tree")
  -h, --help            help for show
  -p, --pid PID         Only process PID
`,
  },
  {
    line: [],
    status: 0,
    out: `stasis is a tool to read and manipulate checkpoint archives as created by Podman, CRI-O, containerd and Kubernetes

Usage:
  stasis [command]

Available Commands:
LIST

Flags:
  -h, --help      help for stasis
  -v, --version   version for stasis

Use "stasis [command] --help" for more information about a command.
`,
  },
  {
    line: ['__complete', 'show', '--'],
    status: 0,
    out: '--format\tHow to print\n--help\thelp for show\n--pid\tOnly process PID\n:4\n',
    err: 'Completion ended with directive: ShellCompDirectiveNoFileComp\n',
  },
  {
    line: ['__completeNoDesc', 'show', '-p', '1', '-'],
    status: 0,
    out: '--format\n--help\n-h\n--pid\n-p\n:4\n',
    err: 'Completion ended with directive: ShellCompDirectiveNoFileComp\n',
  },
  {
    line: ['__complete', 'show', '--format=j'],
    status: 0,
    out: '--format=json\n:4\n',
    err: 'Completion ended with directive: ShellCompDirectiveNoFileComp\n',
  },
  {
    line: ['__complete', 'show', '--format', ''],
    status: 0,
    out: 'tree\njson\n:4\n',
    err: 'Completion ended with directive: ShellCompDirectiveNoFileComp\n',
  },
  {
    line: ['__complete', 'crit', 'i'],
    status: 0,
    out: 'info\tInfo\n:4\n',
    err: 'Completion ended with directive: ShellCompDirectiveNoFileComp\n',
  },
  {
    line: ['__complete', 'show', ''],
    status: 0,
    out: ':0\n',
    err: 'Completion ended with directive: ShellCompDirectiveDefault\n',
  },
];

for (const { line, status, out = '', err = '' } of cases) {
  test(`run ${JSON.stringify(line)}: status, output and messages`, async () => {
    const console = capturedConsole();
    assert.equal(await run(sample, line, console), status);
    // The list of commands is long and not what this is about.
    const text = console.out.text.replace(/(?<=Available Commands:\n)( {2}.*\n)+/, 'LIST\n');
    assert.deepEqual({ out: text, err: console.err.text }, { out, err });
  });
}

test('run help of an unknown topic shows the usage as an error, and ends well', async () => {
  const console = capturedConsole({ program: 'checkpointctl' });
  assert.equal(await run(sample, ['help', 'nope', 'x'], console), 0);
  assert.equal(console.out.text, '');
  assert.match(
    console.err.text,
    /^Unknown help topic \[`nope` `x`\]\nUsage:\n {2}checkpointctl \[command\]\n/,
  );
});

test('run --version names the program as it was called', async () => {
  const console = capturedConsole({ program: 'checkpointctl' });
  assert.equal(await run(sample, ['--version'], console), 0);
  assert.match(console.out.text, /^checkpointctl version \d+\.\d+\.\d+\n$/);
});

test('every command has help with examples, and its name is the one it is listed under', async () => {
  const visit = async (table: CommandTable, path: string): Promise<void> => {
    for (const [name, load] of Object.entries(table)) {
      const command = await load();
      assert.equal(command.name, name);
      assert.ok(command.run ?? command.commands ?? name === 'help', `${path} ${name} does nothing`);
      assert.doesNotMatch(command.short, /\.$/, `${path} ${name}`);
      if (command.run && !command.hidden)
        assert.ok(command.examples?.length, `${path} ${name} has no example`);
      for (const [flag, { short = 'x', usage }] of Object.entries(command.flags)) {
        assert.match(flag, /^[a-z][a-z0-9-]*$/);
        assert.match(short, /^[a-zA-Z]$/);
        assert.ok(usage, `${path} ${name} --${flag}`);
      }
      if (command.commands) await visit(command.commands, `${path} ${name}`);
    }
  };
  await visit(commands, 'stasis');
});
