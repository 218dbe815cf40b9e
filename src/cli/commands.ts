import type { CommandTable } from './command.ts';

/** Every command by name, each in a file of its own that is loaded when it is needed. */
export const commands: CommandTable = {
  completion: async () => (await import('./commands/completion.ts')).completion,
  extract: async () => (await import('./commands/extract.ts')).extract,
  help: async () => (await import('./commands/help.ts')).help,
  insert: async () => (await import('./commands/insert.ts')).insert,
  show: async () => (await import('./commands/show.ts')).show,
};
