import type { Command, Completion, FlagSpec, Flags } from './command.ts';
import { directive } from './completion-scripts.ts';
import type { Console } from './console.ts';
import { findCommand } from './find.ts';
import { isSwitch } from './flags.ts';
import { ownFlags, visibleCommands } from './help.ts';

interface Answer {
  /** `name` or `name<TAB>description` */
  lines: string[];
  directive: number;
}

const names: Readonly<Record<number, string>> = {
  0: 'ShellCompDirectiveDefault',
  [directive.noFiles]: 'ShellCompDirectiveNoFileComp',
  [directive.directories]: 'ShellCompDirectiveFilterDirs',
};

/** Answers a shell that asks, in cobra's protocol, what the last of `words` may become. */
export async function completeWords(
  root: Command,
  words: readonly string[],
  console: Console,
  descriptions: boolean,
): Promise<number> {
  const current = words.at(-1) ?? '';
  const answer = await answerFor(root, words.slice(0, -1), current);
  const matching = answer.lines.filter((line) => line.startsWith(current));
  for (const line of matching) console.out.write(`${descriptions ? line : line.replace(/\t.*/, '')}\n`);
  console.out.write(`:${answer.directive}\n`);
  console.err.write(`Completion ended with directive: ${names[answer.directive]}\n`);
  return 0;
}

async function answerFor(root: Command, before: readonly string[], current: string): Promise<Answer> {
  const { command, words } = await findCommand(root, before);
  const flags: Flags = { ...command.flags, ...ownFlags(command) };
  const afterDashes = words.includes('--');
  const waiting = afterDashes ? undefined : specOf(flags, words.at(-1) ?? '');
  if (waiting && !isSwitch(waiting)) return offer(valuesOf(waiting), words);
  const [, assigned] = /^(--[^=]+)=/.exec(current) ?? [];
  if (assigned && !afterDashes) {
    const spec = specOf(flags, assigned);
    const answer = await offer(spec ? valuesOf(spec) : 'none', words);
    return { ...answer, lines: answer.lines.map((line) => `${assigned}=${line}`) };
  }
  if (current.startsWith('-') && !afterDashes)
    return { lines: flagsLeft(flags, words, current), directive: 4 };
  const topics = command.name === 'help' ? root : command;
  const subcommands = await visibleCommands(topics);
  if (subcommands.length > 0) {
    return { lines: subcommands.map(({ name, short }) => `${name}\t${short}`), directive: directive.noFiles };
  }
  return offer(command.complete ?? (command.args.max === 0 ? 'none' : 'files'), argumentsOf(flags, words));
}

function specOf(flags: Flags, word: string): FlagSpec | undefined {
  if (word.startsWith('--')) return Object.hasOwn(flags, word.slice(2)) ? flags[word.slice(2)] : undefined;
  if (!/^-[^-]$/.test(word)) return undefined;
  return Object.values(flags).find(({ short }) => short === word[1]);
}

function valuesOf(spec: FlagSpec): Completion {
  if (spec.kind === 'enum') return spec.values;
  if (spec.kind === 'string' || spec.kind === 'stringArray') return spec.values ?? spec.complete ?? 'files';
  return 'none';
}

async function offer(completion: Completion, soFar: readonly string[]): Promise<Answer> {
  if (completion === 'files') return { lines: [], directive: 0 };
  if (completion === 'directories') return { lines: [], directive: directive.directories };
  if (completion === 'none') return { lines: [], directive: directive.noFiles };
  const lines = typeof completion === 'function' ? await completion(soFar) : completion;
  return { lines: [...lines], directive: directive.noFiles };
}

/** Flags that can still be given; letters only where one is being typed. */
function flagsLeft(flags: Flags, words: readonly string[], current: string): string[] {
  const lines: string[] = [];
  for (const [name, spec] of Object.entries(flags).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const given = words.some((word) => word === `--${name}` || word.startsWith(`--${name}=`));
    if (spec.hidden || (given && spec.kind !== 'stringArray')) continue;
    const text = spec.usage.replaceAll('`', '');
    lines.push(`--${name}\t${text}`);
    if (spec.short && !current.startsWith('--')) lines.push(`-${spec.short}\t${text}`);
  }
  return lines;
}

/** The arguments among `words`: what is neither a flag nor a flag's value. */
function argumentsOf(flags: Flags, words: readonly string[]): string[] {
  return words.filter((word, at) => {
    if (word.startsWith('-')) return false;
    const before = specOf(flags, words[at - 1] ?? '');
    return !before || isSwitch(before);
  });
}
