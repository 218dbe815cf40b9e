import { defineCommand, UsageError } from '../command.ts';
import { daemonClient, daemonFlags, partsOf, timeoutOf } from '../daemon-client.ts';
import { printable } from '../output/escape.ts';
import { durationText } from '../output/quantities.ts';

export const checkpoint = defineCommand({
  name: 'checkpoint',
  operands: 'NAMESPACE/POD/CONTAINER | pod NAMESPACE/NAME',
  short: 'Checkpoint a container, or a whole pod, and leave it running',
  long: `Asks the daemon of a node for a checkpoint. The containers go on running.

A container's archive is written where the kubelet writes it, below checkpoints in the root directory, and its
path is printed. A pod's archive holds all of its containers, captured in one cut; it is listed in
checkpointed.pods, so that show, extract and insert know it. How long the pod stood still is said on standard
error, and in the archive.`,
  examples: [
    'checkpoint default/counters/counter',
    'checkpoint pod default/counters',
    'checkpoint default/counters/counter --server https://node1:10250 --token-file token --certificate-authority ca.crt',
  ],
  flags: {
    ...daemonFlags,
    timeout: { kind: 'int64', usage: 'give up after so many `SECONDS`; 0 is the default of the node' },
    output: { kind: 'enum', short: 'o', values: ['text', 'json'], usage: 'how to print what was made' },
  },
  args: { min: 1, max: 2 },
  complete: 'none',
  async run({ flags, given, args: [first = '', second], console }) {
    const timeout = timeoutOf(flags.timeout, given);
    if (second !== undefined && first !== 'pod') {
      throw new UsageError(`"${printable(first)}": give NAMESPACE/POD/CONTAINER, or pod NAMESPACE/NAME`);
    }
    if (second === undefined) {
      const [namespace = '', pod = '', container = ''] = partsOf(first, 'NAMESPACE', 'POD', 'CONTAINER');
      const client = await daemonClient(flags);
      const items = await client.checkpointContainer({ namespace, pod, container }, timeout, console.signal);
      if (flags.output === 'json') console.out.write(`${JSON.stringify({ items }, null, 2)}\n`);
      else for (const item of items) console.out.write(`${printable(item)}\n`);
      return;
    }
    const [namespace = '', name = ''] = partsOf(second, 'NAMESPACE', 'NAME');
    const client = await daemonClient(flags);
    const made = await client.checkpointPod(namespace, name, timeout, console.signal);
    if (flags.output === 'json') {
      console.out.write(`${JSON.stringify(made, null, 2)}\n`);
      return;
    }
    console.out.write(`${printable(made.archive)}\n`);
    if (made.frozenMicroseconds !== undefined) {
      console.err.write(`the pod stood still for ${durationText(made.frozenMicroseconds)}\n`);
    }
  },
});
