import type { CommandTable } from './command.ts';

/** Every command by name, each in a file of its own that is loaded when it is needed. */
export const commands: CommandTable = {
  checkpoint: async () => (await import('./commands/checkpoint.ts')).checkpoint,
  completion: async () => (await import('./commands/completion.ts')).completion,
  drain: async () => (await import('./commands/drain.ts')).drain,
  extract: async () => (await import('./commands/extract.ts')).extract,
  get: async () => (await import('./commands/get.ts')).get,
  help: async () => (await import('./commands/help.ts')).help,
  insert: async () => (await import('./commands/insert.ts')).insert,
  inspect: async () => (await import('./commands/inspect.ts')).inspect,
  list: async () => (await import('./commands/list.ts')).list,
  restore: async () => (await import('./commands/restore.ts')).restore,
  show: async () => (await import('./commands/show.ts')).show,
  state: async () => (await import('./commands/state.ts')).state,
  uncordon: async () => (await import('./commands/uncordon.ts')).uncordon,
};
