import { defineCommand } from '../command.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { printable } from '../output/escape.ts';

export const pin = defineCommand({
  name: 'pin',
  operands: 'CHECKPOINT...',
  short: 'Keep checkpoints of the node from being deleted',
  long: `Keeps archives below checkpoints in the daemon's root directory from being deleted by "delete checkpoint": by
their names, as "get checkpoints" lists them. Who keeps an archive, since when and why stands in a file beside it.`,
  examples: ['pin checkpoint-counters_default-counter-2026-11-21T01:21:08Z.tar --reason "case 4711"'],
  flags: {
    ...daemonFlags,
    reason: { kind: 'string', usage: 'why, a `TEXT` for whoever wants to delete it' },
  },
  args: { min: 1 },
  complete: 'none',
  async run({ flags, args, console }) {
    const client = await daemonClient(flags);
    for (const name of args) {
      await client.pin(name, flags.reason, console.signal);
      console.out.write(`checkpoint ${printable(name)} pinned\n`);
    }
  },
});
