import type { Command, FlagSpec, Flags } from './command.ts';

/** A flag as help texts, manual and reference show it. */
export interface FlagLine {
  name: string;
  /** `-p, --pid uint32` */
  head: string;
  /** The description with its default. */
  text: string;
}

/** The visible flags of a command in the order of their names, its own `--help` among them. */
export function flagLines(command: Command): FlagLine[] {
  const flags: Flags = { ...command.flags, ...ownFlags(command) };
  return Object.entries(flags)
    .filter(([, spec]) => !spec.hidden)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, spec]) => {
      const { placeholder, usage } = wording(spec);
      const letter = spec.short ? `-${spec.short}, ` : '    ';
      const value = placeholder ? ` ${placeholder}` : '';
      return { name, head: `${letter}--${name}${value}`, text: usage + defaultText(spec) };
    });
}

/** Flags that every command has without writing them down. */
export function ownFlags(command: Command): Flags {
  return { help: { kind: 'bool', short: 'h', usage: `help for ${command.name}` } };
}

function wording(spec: FlagSpec): { placeholder: string; usage: string } {
  const [, named] = /`([^`]*)`/.exec(spec.usage) ?? [];
  const usage = spec.usage.replaceAll('`', '');
  if (named !== undefined) return { placeholder: named, usage };
  if (spec.kind === 'bool') return { placeholder: '', usage };
  const kind = spec.kind === 'enum' ? 'string' : spec.kind;
  return { placeholder: kind === 'float64' ? 'float' : kind === 'int64' ? 'int' : kind, usage };
}

function defaultText(spec: FlagSpec): string {
  if (spec.kind === 'enum') return ` (default "${spec.default ?? spec.values[0]}")`;
  if (spec.kind === 'bool' || spec.kind === 'stringArray' || !spec.default) return '';
  return typeof spec.default === 'string' ? ` (default "${spec.default}")` : ` (default ${spec.default})`;
}

/** `stasis inspect [flags] FILE...` */
export function usageLine(command: Command, path: string): string {
  if (command.commands && !command.run) return `${path} [command]`;
  const flags = Object.keys(command.flags).length > 0 ? ' [flags]' : '';
  return path + flags + (command.operands ? ` ${command.operands}` : '');
}

/** The whole help text of a command, laid out as cobra does. */
export async function helpText(command: Command, path: string): Promise<string> {
  return `${filled((command.long ?? command.short).trim())}\n\n${await usageText(command, path)}`;
}

/** What every terminal has. */
const columns = 80;

/** Paragraphs that are too wide with their lines filled anew; one line, and indented ones, stay as they are written. */
function filled(text: string): string {
  return text
    .split('\n\n')
    .map((paragraph) => (isTooWide(paragraph) ? filledParagraph(paragraph) : paragraph))
    .join('\n\n');
}

function isTooWide(paragraph: string): boolean {
  const lines = paragraph.split('\n');
  return lines.length > 1 && lines.some((line) => line.length > columns) && !/^[ \t]/m.test(paragraph);
}

function filledParagraph(paragraph: string): string {
  const lines: string[] = [];
  for (const word of paragraph.split(/\s+/)) {
    const longer = `${lines.at(-1) ?? ''} ${word}`;
    if (lines.length > 0 && longer.length <= columns) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.join('\n');
}

export async function usageText(command: Command, path: string): Promise<string> {
  const sections = [`Usage:\n  ${usageLine(command, path)}\n`];
  if (command.examples?.length) sections.push(`Examples:\n${exampleLines(command, path).join('\n')}\n`);
  const subcommands = await visibleCommands(command);
  if (subcommands.length > 0) {
    const width = Math.max(11, ...subcommands.map(({ name }) => name.length));
    const lines = subcommands.map(({ name, short }) => `  ${name.padEnd(width)} ${short}\n`);
    sections.push(`Available Commands:\n${lines.join('')}`);
  }
  const flags = flagLines(command);
  const width = Math.max(...flags.map(({ head }) => head.length));
  sections.push(`Flags:\n${flags.map(({ head, text }) => `  ${head.padEnd(width)}   ${text}\n`).join('')}`);
  if (subcommands.length > 0) {
    sections.push(`Use "${path} [command] --help" for more information about a command.\n`);
  }
  return sections.join('\n');
}

/** The examples as lines to show, the program's name in front of each command. */
export function exampleLines(command: Command, path: string, indent = '  '): string[] {
  const program = path.split(' ')[0] ?? path;
  return (command.examples ?? []).map(
    (line) => indent + (line.startsWith('#') ? line : `${program} ${line}`),
  );
}

/** The commands of a group that are to be shown, by name. */
export async function visibleCommands(group: Command): Promise<Command[]> {
  const names = Object.keys(group.commands ?? {}).sort();
  const commands = await Promise.all(names.map((name) => group.commands?.[name]?.()));
  return commands.filter((command) => command !== undefined && !command.hidden) as Command[];
}
