import { defineCommand, UsageError } from '../command.ts';
import { daemonClient, daemonFlags, partsOf } from '../daemon-client.ts';
import { printable } from '../output/escape.ts';

const kinds = ['checkpoint', 'pod', 'operation'] as const;

export const deleteCommand = defineCommand({
  name: 'delete',
  operands: 'checkpoint|pod|operation NAME...',
  short: 'Delete checkpoints, end pods, cancel checkpoints that are being made',
  long: `Deletes archives by their names, as "get checkpoints" lists them; one that is pinned only with --force. Ends pods
that no manifest describes, by NAMESPACE/NAME. Cancels operations by their ids, or forgets those that have ended.`,
  examples: [
    'delete checkpoint checkpoint-counters_default-counter-2026-11-21T01:21:08Z.tar',
    'delete pod default/restored-counter',
    'delete operation 5cf1d0ad-2d35-44ad-8a5a-96c3a8a2b8c8',
  ],
  flags: {
    ...daemonFlags,
    force: { kind: 'bool', usage: 'delete checkpoints although they are pinned' },
  },
  args: { min: 2 },
  complete: kinds,
  async run({ flags, args: [kind = '', ...names], console }) {
    if (!(kinds as readonly string[]).includes(kind)) {
      throw new UsageError(`"${printable(kind)}" is none of ${kinds.join(', ')}`);
    }
    if (flags.force && kind !== 'checkpoint') throw new UsageError('--force is for checkpoints');
    const client = await daemonClient(flags);
    const { signal } = console;
    for (const name of names) {
      let what = 'deleted';
      if (kind === 'checkpoint') await client.deleteCheckpoint(name, flags.force, signal);
      else if (kind === 'pod') {
        const [namespace = '', pod = ''] = partsOf(name, 'NAMESPACE', 'NAME');
        await client.deletePod(namespace, pod, signal);
      } else what = (await client.cancel(name, signal)).state;
      console.out.write(`${kind} ${printable(name)} ${what}\n`);
    }
  },
});
