import { defineCommand } from '../command.ts';
import { columns } from '../output/columns.ts';

const versions = defineCommand({
  name: 'versions',
  short: 'Print which Kubernetes speaks which version of the device plugin API',
  long: `Print which Kubernetes speaks which version of the device plugin API. A plugin that registers with another one
is refused. stasisd speaks v1beta1 with everything that is listed as new in it.

  ✓  a kubelet of that version speaks it
  -  it does not`,
  examples: ['deviceplugin versions', 'deviceplugin versions -o json'],
  flags: { output: { kind: 'enum', short: 'o', values: ['table', 'json'], usage: 'how to print it' } },
  complete: 'none',
  async run({ flags, console }) {
    const { pluginApis, pluginApiVersions } = await import('../../devicemanager/versions.ts');
    const rows = pluginApiVersions();
    if (flags.output === 'json') {
      console.out.write(`${JSON.stringify(rows, null, 2)}\n`);
      return;
    }
    const heading = ['KUBERNETES', ...pluginApis, 'NEW IN IT'];
    const lines = rows.map(({ kubernetes, apis, new: more }) => [
      kubernetes,
      ...pluginApis.map((api) => (apis[api] ? '✓' : '-')),
      more.join(', '),
    ]);
    console.out.write(columns([heading, ...lines]));
  },
});

export const deviceplugin = defineCommand({
  name: 'deviceplugin',
  short: 'Tell about plugins that bring devices to a node',
  commands: { versions: async () => versions },
});
