import type { CommandTable } from './command.ts';

/** Every command by name, each in a file of its own that is loaded when it is needed. */
export const commands: CommandTable = {
  build: async () => (await import('./commands/build.ts')).build,
  cat: async () => (await import('./commands/cat.ts')).cat,
  checkpoint: async () => (await import('./commands/checkpoint.ts')).checkpoint,
  completion: async () => (await import('./commands/completion.ts')).completion,
  crit: async () => (await import('./commands/crit.ts')).crit,
  drain: async () => (await import('./commands/drain.ts')).drain,
  extract: async () => (await import('./commands/extract.ts')).extract,
  get: async () => (await import('./commands/get.ts')).get,
  help: async () => (await import('./commands/help.ts')).help,
  insert: async () => (await import('./commands/insert.ts')).insert,
  inspect: async () => (await import('./commands/inspect.ts')).inspect,
  list: async () => (await import('./commands/list.ts')).list,
  ls: async () => (await import('./commands/ls.ts')).ls,
  memparse: async () => (await import('./commands/memparse.ts')).memparse,
  plugin: async () => (await import('./commands/plugin.ts')).plugin,
  restore: async () => (await import('./commands/restore.ts')).restore,
  show: async () => (await import('./commands/show.ts')).show,
  state: async () => (await import('./commands/state.ts')).state,
  uncordon: async () => (await import('./commands/uncordon.ts')).uncordon,
  verify: async () => (await import('./commands/verify.ts')).verify,
};
