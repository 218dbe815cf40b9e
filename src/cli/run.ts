import { exitStatus } from '../errors/code.ts';
import { isCoded } from '../errors/coded-error.ts';
import { type Command, CommandError, type CommandTable, type Flags, UsageError } from './command.ts';
import { BrokenPipe, type Console } from './console.ts';
import { type Found, findCommand, nameAt, rootCommand } from './find.ts';
import { parseFlags } from './flags.ts';
import { printable } from './output/escape.ts';

/** Ended because whoever read the output went away; what a shell reports of a program that SIGPIPE ended. */
const brokenPipeStatus = 141;

/** Runs one command line to its end. @returns the exit status. */
export async function run(
  commands: CommandTable,
  words: readonly string[],
  console: Console,
): Promise<number> {
  const root = rootCommand(console.program, commands);
  try {
    const status = await dispatch(root, words, console);
    console.out.flush();
    return status;
  } catch (error) {
    if (error instanceof BrokenPipe) return brokenPipeStatus;
    throw error;
  }
}

async function dispatch(root: Command, words: readonly string[], console: Console): Promise<number> {
  if (words[0] === '__complete' || words[0] === '__completeNoDesc') {
    const { completeWords } = await import('./complete.ts');
    return completeWords(
      await withAllCommands(root, console),
      words.slice(1),
      console,
      words[0] === '__complete',
    );
  }
  let found: Found = { command: root, path: root.name, words: [...words] };
  try {
    found = await findCommand(root, words);
    if (found.command === root && nameAt(root, words) >= 0) found = await findPlugin(root, words, console);
    return await execute(found, root, console);
  } catch (error) {
    if (error instanceof BrokenPipe) throw error;
    return report(error, found, console);
  }
}

/** A command that is not built in may be a plugin; nobody looks for plugins before. */
async function findPlugin(root: Command, words: readonly string[], console: Console): Promise<Found> {
  const found = await findCommand(await withAllCommands(root, console), words);
  return found.command.name === root.name ? { ...found, command: root } : found;
}

async function withAllCommands(root: Command, console: Console): Promise<Command> {
  const { withPlugins } = await import('./plugins.ts');
  return { ...root, commands: await withPlugins(root.commands ?? {}, console.env['PATH']) };
}

async function execute(found: Found, root: Command, console: Console): Promise<number> {
  const { command, path, words } = found;
  if (command.name === 'help' && path === `${root.name} help`) return showHelp(root, words, console);
  if (command.rawArguments) {
    return (await command.run?.({ flags: {}, given: new Set(), args: words, console })) ?? 0;
  }
  if (command.commands && !command.run && !command.compatible) refuseUnknown(found);
  if (command === root) refuseUnknown(found);
  const limits = command.readsArchives ? await import('./limit-flags.ts') : undefined;
  const flags: Flags = {
    ...command.flags,
    ...limits?.limitFlags,
    help: { kind: 'bool', short: 'h', usage: 'help' },
  };
  const { values, given, args } = parseFlags(flags, words);
  if (values['help'] === true || !command.run) {
    if (command === root && values['version'] === true) return showVersion(console);
    const { helpText } = await import('./help.ts');
    const shown = command === root ? await withAllCommands(root, console) : command;
    console.out.write(await helpText(shown, path));
    return 0;
  }
  checkCount(found, args.length, args);
  const raised = limits?.limitsOf(values, given);
  const within: Console = raised ? Object.create(console, { limits: { value: raised } }) : console;
  return (await command.run({ flags: values as never, given, args, console: within })) ?? 0;
}

async function showVersion(console: Console): Promise<number> {
  const { default: about } = await import('../../package.json', { with: { type: 'json' } });
  console.out.write(`${console.program} version ${about.version}\n`);
  return 0;
}

async function showHelp(root: Command, words: readonly string[], console: Console): Promise<number> {
  const { helpText, usageText } = await import('./help.ts');
  const topics = words.filter((word) => !word.startsWith('-'));
  const found = await findCommand(topics.length > 0 ? root : await withAllCommands(root, console), topics);
  if (found.command.commands && found.words.length > 0) {
    const list = topics.map((topic) => `\`${printable(topic)}\``).join(' ');
    console.err.write(`Unknown help topic [${list}]\n${await usageText(root, root.name)}`);
    return 0;
  }
  console.out.write(await helpText(found.command, found.path));
  return 0;
}

/** @throws UsageError where a group is given a name that it does not have. */
function refuseUnknown({ command, path, words }: Found): void {
  const name = words[nameAt(command, words)];
  if (name === undefined) return;
  throw new UnknownCommand(name, path, Object.keys(command.commands ?? {}).sort());
}

class UnknownCommand extends UsageError {
  readonly typed: string;
  readonly path: string;
  readonly names: readonly string[];

  constructor(typed: string, path: string, names: readonly string[]) {
    super(`unknown command "${printable(typed)}" for "${path}"`);
    this.typed = typed;
    this.path = path;
    this.names = names;
  }
}

/** @throws UsageError in cobra's words unless the number of arguments is right. */
function checkCount({ command, path }: Found, count: number, args: readonly string[]): void {
  const { min = 0, max = Number.POSITIVE_INFINITY } = command.args;
  if (count >= min && count <= max) return;
  if (max === 0) throw new UsageError(`unknown command "${printable(args[0] ?? '')}" for "${path}"`);
  if (min === max) throw new UsageError(`accepts ${min} arg(s), received ${count}`);
  if (count < min) throw new UsageError(`requires at least ${min} arg(s), only received ${count}`);
  throw new UsageError(
    min > 0
      ? `accepts between ${min} and ${max} arg(s), received ${count}`
      : `accepts at most ${max} arg(s), received ${count}`,
  );
}

/** Says what went wrong on standard error. @returns the exit status. */
async function report(error: unknown, { command }: Found, console: Console): Promise<number> {
  const { reportError } = await import('./report-error.ts');
  reportError(error, console);
  if (error instanceof UnknownCommand) {
    const { suggestions } = await import('./suggest.ts');
    const meant = suggestions(error.typed, error.names);
    const list = meant.map((name) => `\t${name}\n`).join('');
    const suggestion = list === '' ? '' : `\nDid you mean this?\n${list}\n`;
    console.err.write(`${suggestion}Run '${error.path} --help' for usage.\n`);
  }
  return statusOf(error, command);
}

function statusOf(error: unknown, command: Command): number {
  if (error instanceof CommandError && error.status !== undefined) return error.status;
  if (isCoded(error, 'cancelled')) return exitStatus('cancelled');
  if (command.compatible) return 1;
  if (command.failureStatus !== undefined) return command.failureStatus;
  if (error instanceof UsageError) return 2;
  return isCoded(error) ? exitStatus(error.code) : 1;
}
