import { defineCommand } from '../command.ts';
import { daemonClient, daemonFlags, timeoutOf, volumesFlag } from '../daemon-client.ts';
import { printable } from '../output/escape.ts';

export const drain = defineCommand({
  name: 'drain',
  short: 'Checkpoint every pod of the node and end it',
  long: `Checkpoints each pod of the node, lists it in checkpointed.pods, and ends it. The node takes no pods until
\`uncordon\`, or until its daemon is started again: both continue the pods from their checkpoints. A pod that cannot
be checkpointed stops the drain and goes on running, as do those after it. What is in a
pod's emptyDir volumes goes into its archive, and is put back with it.`,
  examples: ['drain', 'drain --timeout 600'],
  flags: {
    ...daemonFlags,
    timeout: {
      kind: 'int64',
      usage: 'give up on a pod after so many `SECONDS`; 0 is the default of the node',
    },
    volumes: volumesFlag,
    output: { kind: 'enum', short: 'o', values: ['text', 'json'], usage: 'how to print what was made' },
  },
  complete: 'none',
  async run({ flags, given, console }) {
    const timeout = timeoutOf(flags.timeout, given);
    const client = await daemonClient(flags);
    const result = await client.drain(
      timeout,
      console.signal,
      given.has('volumes') ? flags.volumes : undefined,
    );
    if (flags.output === 'json') {
      console.out.write(`${JSON.stringify(result, null, 2)}\n`);
      return;
    }
    for (const { namespace, name, archive } of result.pods) {
      console.out.write(`pod ${printable(`${namespace}/${name}`)} checkpointed to ${printable(archive)}\n`);
    }
    console.out.write('node drained\n');
  },
});
