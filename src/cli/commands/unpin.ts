import { defineCommand } from '../command.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { printable } from '../output/escape.ts';

export const unpin = defineCommand({
  name: 'unpin',
  operands: 'CHECKPOINT...',
  short: 'Let checkpoints of the node be deleted again',
  examples: ['unpin checkpoint-counters_default-counter-2026-11-21T01:21:08Z.tar'],
  flags: daemonFlags,
  args: { min: 1 },
  complete: 'none',
  async run({ flags, args, console }) {
    const client = await daemonClient(flags);
    for (const name of args) {
      await client.unpin(name, console.signal);
      console.out.write(`checkpoint ${printable(name)} unpinned\n`);
    }
  },
});
