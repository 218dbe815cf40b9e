import type { Command, CommandTable } from './command.ts';

/** The program itself: a group that holds every command. */
export function rootCommand(program: string, commands: CommandTable): Command {
  return {
    name: program,
    short: 'Checkpoints of containers: look into them, move them, restore them',
    long: `${program} is a tool to read and manipulate checkpoint archives as created by Podman, CRI-O, containerd and Kubernetes`,
    flags: { version: { kind: 'bool', short: 'v', usage: `version for ${program}` } },
    args: {},
    compatible: true,
    commands,
  };
}

/** A command found on a command line: what it is, how it was spelled, and the words left for it. */
export interface Found {
  command: Command;
  /** `stasis crit decode` */
  path: string;
  words: string[];
}

/** Follows the names of commands in `words` as far as they go. Flags may stand in front of names. */
export async function findCommand(root: Command, words: readonly string[]): Promise<Found> {
  let found: Found = { command: root, path: root.name, words: [...words] };
  for (;;) {
    const { command, path, words: left } = found;
    const at = nameAt(command, left);
    const name = left[at];
    const table = command.commands;
    if (name === undefined || !table || !Object.hasOwn(table, name)) return found;
    const next = await table[name]?.();
    if (!next) return found;
    found = { command: next, path: `${path} ${name}`, words: left.toSpliced(at, 1) };
    if (next.rawArguments) return found;
  }
}

/** Position of the first word that is neither a flag nor, as far as one can tell, a flag's value; or -1. */
export function nameAt(group: Command, words: readonly string[]): number {
  const switches = ['--help', '-h', ...Object.keys(group.flags).map((name) => `--${name}`)];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') return -1;
    if (!word.startsWith('-') || word === '-') return at;
    const alone =
      word.includes('=') || switches.includes(word) || (!word.startsWith('--') && word.length > 2);
    if (!alone && word !== '-v') at++;
  }
  return -1;
}
