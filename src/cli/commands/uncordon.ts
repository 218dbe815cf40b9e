import { defineCommand } from '../command.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { printable } from '../output/escape.ts';

export const uncordon = defineCommand({
  name: 'uncordon',
  short: 'Let a drained node take pods again',
  examples: ['uncordon'],
  long: 'Continues the pods of a drained node from their checkpoints, and takes new ones again.',
  flags: daemonFlags,
  complete: 'none',
  async run({ flags, console }) {
    const client = await daemonClient(flags);
    const { name } = await client.uncordon(console.signal);
    console.out.write(`node ${printable(name)} uncordoned\n`);
  },
});
