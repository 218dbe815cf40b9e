import type { CheckpointDescription, Operation } from '../../api/stasis.ts';
import { defineCommand, UsageError } from '../command.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { printable } from '../output/escape.ts';
import { byteText } from '../output/quantities.ts';

const kinds = ['checkpoint', 'operation'] as const;

export const describe = defineCommand({
  name: 'describe',
  operands: 'checkpoint|operation NAME',
  short: 'Show one thing of the node with all that is known of it',
  examples: [
    'describe checkpoint checkpoint-counters_default-counter-2026-11-21T01:21:08Z.tar',
    'describe operation 5cf1d0ad-2d35-44ad-8a5a-96c3a8a2b8c8 -o json',
  ],
  flags: {
    ...daemonFlags,
    output: { kind: 'enum', short: 'o', values: ['text', 'json'], usage: 'how to print it' },
  },
  args: { min: 2, max: 2 },
  complete: kinds,
  async run({ flags, args: [kind = '', name = ''], console }) {
    if (!(kinds as readonly string[]).includes(kind)) {
      throw new UsageError(`"${printable(kind)}" is none of ${kinds.join(', ')}`);
    }
    const client = await daemonClient(flags);
    if (kind === 'checkpoint') {
      const found = await client.describeCheckpoint(name, console.signal);
      print(found, checkpointLines(found));
    } else {
      const found = await client.operation(name, console.signal);
      print(found, operationLines(found));
    }
    function print(found: unknown, lines: readonly Line[]): void {
      const text = lines.flatMap(([title, value]) =>
        value === undefined || value === '' ? [] : `${`${title}:`.padEnd(16)}${printable(value)}\n`,
      );
      console.out.write(flags.output === 'json' ? `${JSON.stringify(found, null, 2)}\n` : text.join(''));
    }
  },
});

type Line = readonly [title: string, value: string | undefined];

function checkpointLines(found: CheckpointDescription): Line[] {
  const { pin } = found;
  return [
    ['Name', found.name],
    ['Path', found.path],
    ['Pod', `${found.namespace}/${found.pod}`],
    ['Container', found.container],
    ['Created', found.created],
    ['Size', byteText(found.size)],
    ['Pinned', pin ? `by ${pin.by} since ${pin.at}` : found.pinned ? 'yes' : 'no'],
    ['Reason', pin?.reason],
    ['Unreadable', found.problem],
    ...found.containers.flatMap((one): Line[] => [
      ['', undefined],
      ['  Container', one.name],
      ['  Id', one.id],
      ['  Image', one.image],
      ['  Engine', `${one.engine} (${one.runtime})`],
      ['  Checkpointed', one.checkpointed],
      ['  Memory', byteText(one.pagesBytes)],
      ['  Images', byteText(one.imagesBytes)],
      ['  Changed files', byteText(one.rootfsBytes)],
    ]),
  ];
}

function operationLines(found: Operation): Line[] {
  const { namespace, pod, container } = found.target;
  const bytes = found.written === undefined ? '' : ` ${byteText(found.written)}`;
  const of = found.estimated === undefined ? '' : ` of ${byteText(found.estimated)}`;
  return [
    ['Operation', found.id],
    ['Checkpoint of', [namespace, pod, container].filter((part) => part !== undefined).join('/')],
    ['Asked for by', found.by],
    ['State', found.state],
    ['Stage', `${found.stage}${bytes}${of}`],
    ['Created', found.created],
    ['Finished', found.finished],
    ['Archive', found.result?.archive],
    ['Size', found.result && byteText(found.result.size)],
    ['Digest', found.digest],
    ['Error', found.error?.message],
    ['What to do', found.error?.hint],
  ];
}
