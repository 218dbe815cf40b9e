import type { OperationTarget } from '../../api/stasis.ts';
import { defineCommand, UsageError } from '../command.ts';
import { daemonClient, daemonFlags, partsOf, timeoutOf, volumesFlag } from '../daemon-client.ts';
import { printable } from '../output/escape.ts';
import { durationText } from '../output/quantities.ts';

export const checkpoint = defineCommand({
  name: 'checkpoint',
  operands: 'NAMESPACE/POD/CONTAINER | pod NAMESPACE/NAME',
  short: 'Checkpoint a container, or a whole pod, and leave it running',
  long: `Asks the daemon of a node for a checkpoint. The containers go on running.

A container's archive is written where the kubelet writes it, below checkpoints in the root directory, and its
path is printed. A pod's archive holds all of its containers, captured in one cut, and what is in its
emptyDir volumes; it is listed in checkpointed.pods, so that show, extract and insert know it. How long the pod stood still is said on standard
error, and in the archive.

With --progress standard error says how far it is, and an interrupt cancels it. With --async the daemon goes on
alone: its id is printed, "get operations" and "describe operation" show it, "delete operation" cancels it.`,
  examples: [
    'checkpoint default/counters/counter',
    'checkpoint pod default/counters --progress',
    'checkpoint default/counters/counter --async',
    'checkpoint default/counters/counter --server https://node1:10250 --token-file token --certificate-authority ca.crt',
  ],
  flags: {
    ...daemonFlags,
    async: { kind: 'bool', usage: 'print the id of the operation and do not wait for it' },
    progress: { kind: 'bool', usage: 'say on standard error how far it is' },
    timeout: { kind: 'int64', usage: 'give up after so many `SECONDS`; 0 is the default of the node' },
    volumes: volumesFlag,
    output: { kind: 'enum', short: 'o', values: ['text', 'json'], usage: 'how to print what was made' },
  },
  args: { min: 1, max: 2 },
  complete: 'none',
  async run({ flags, given, args: [first = '', second], console }) {
    const timeout = timeoutOf(flags.timeout, given);
    if (flags.async && flags.progress) throw new UsageError('--async and --progress exclude each other');
    const target = targetIn(first, second);
    const volumes = given.has('volumes') ? flags.volumes : undefined;
    if (target.container !== undefined && volumes !== undefined)
      throw new UsageError('--volumes is for checkpoints of pods');
    const client = await daemonClient(flags);
    const { container, ...pod } = target;
    const json = flags.output === 'json';
    const print = (made: unknown, ...lines: readonly string[]): void => {
      if (json) console.out.write(`${JSON.stringify(made, null, 2)}\n`);
      else for (const line of lines) console.out.write(`${printable(line)}\n`);
    };
    if (flags.async || flags.progress) {
      const begun = await client.startCheckpoint(target, timeout, console.signal, volumes);
      if (flags.async) return print(begun, begun.id);
      const { followOperation } = await import('../follow-operation.ts');
      const ended = await followOperation(client, begun, console);
      return print(ended.result, ended.result?.archive ?? '');
    }
    if (container !== undefined) {
      const items = await client.checkpointContainer({ ...pod, container }, timeout, console.signal);
      return print({ items }, ...items);
    }
    const made = await client.checkpointPod(pod.namespace, pod.pod, timeout, console.signal, volumes);
    print(made, made.archive);
    if (!json && made.frozenMicroseconds !== undefined) {
      console.err.write(`the pod stood still for ${durationText(made.frozenMicroseconds)}\n`);
    }
  },
});

function targetIn(first: string, second: string | undefined): OperationTarget {
  if (second === undefined) {
    const [namespace = '', pod = '', container = ''] = partsOf(first, 'NAMESPACE', 'POD', 'CONTAINER');
    return { namespace, pod, container };
  }
  if (first !== 'pod') {
    throw new UsageError(`"${printable(first)}": give NAMESPACE/POD/CONTAINER, or pod NAMESPACE/NAME`);
  }
  const [namespace = '', pod = ''] = partsOf(second, 'NAMESPACE', 'NAME');
  return { namespace, pod };
}
