import { defineCommand } from '../command.ts';
import { printable } from '../output/escape.ts';

const list = defineCommand({
  name: 'list',
  short: 'List all available plugins',
  long: 'List the programs named checkpointctl-NAME in the folders of PATH; each is a command of this one.',
  examples: ['plugin list'],
  compatible: true,
  complete: 'none',
  async run({ console }) {
    const { describePlugin, findPlugins } = await import('../plugins.ts');
    const plugins = await findPlugins(console.env['PATH']);
    if (plugins.length === 0) {
      console.out.write('No plugins found in PATH\n');
      return;
    }
    console.out.write('Available plugins:\n');
    const texts = await Promise.all(plugins.map(describePlugin));
    for (const [at, { name, path }] of plugins.entries()) {
      const text = printable(texts[at] ?? '') || '(no description)';
      console.out.write(`  ${printable(name).padEnd(20)} ${text}\n  ${''.padEnd(20)} ${printable(path)}\n`);
    }
  },
});

export const plugin = defineCommand({
  name: 'plugin',
  short: 'Manage checkpointctl plugins',
  long: `Plugins are programs named checkpointctl-NAME in a folder of PATH; "NAME" is then a command. A plugin that is
called with --plugin-description may print one line about itself and end with status 42.`,
  args: {},
  compatible: true,
  commands: { list: async () => list },
});
