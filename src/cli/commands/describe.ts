import type { StasisClient } from '../../api/client.ts';
import type { CheckpointDescription, Operation } from '../../api/stasis.ts';
import { defineCommand, UsageError } from '../command.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { podNamed } from '../daemon-stream.ts';
import {
  containerLines,
  type DescribedLine,
  describedText,
  nodeLines,
  podLines,
  specOf,
} from '../describe-pods.ts';
import { printable } from '../output/escape.ts';
import { byteText } from '../output/quantities.ts';
import { plainData } from '../plain-output.ts';

const kinds = ['pod', 'container', 'node', 'checkpoint', 'operation'] as const;

export const describe = defineCommand({
  name: 'describe',
  operands: 'pod|container|node|checkpoint|operation [NAME]',
  short: 'Show one thing of the node with all that is known of it',
  long: `A pod is named [NAMESPACE/]POD, a container [NAMESPACE/]POD/CONTAINER; the node needs no name.`,
  examples: [
    'describe node',
    'describe pod counters',
    'describe container default/counters/ticker -o yaml',
    'describe checkpoint checkpoint-counters_default-counter-2026-11-21T01:21:08Z.tar',
    'describe operation 5cf1d0ad-2d35-44ad-8a5a-96c3a8a2b8c8 -o json',
  ],
  flags: {
    ...daemonFlags,
    output: { kind: 'enum', short: 'o', values: ['text', 'json', 'yaml'], usage: 'how to print it' },
  },
  args: { min: 1, max: 2 },
  complete: kinds,
  async run({ flags, args: [kind = '', name = ''], console }) {
    if (!(kinds as readonly string[]).includes(kind)) {
      throw new UsageError(`"${printable(kind)}" is none of ${kinds.join(', ')}`);
    }
    if (kind === 'node' ? name !== '' : name === '') {
      throw new UsageError(kind === 'node' ? 'the node needs no name' : `describe ${kind} needs a name`);
    }
    const client = await daemonClient(flags);
    if (kind === 'node') {
      const node = await client.node(console.signal);
      await printTree(node, nodeLines(node));
    } else if (kind === 'pod' || kind === 'container') {
      const { found, lines } = await podOrContainer(client, kind, name, console.signal);
      await printTree(found, lines);
    } else if (kind === 'checkpoint') {
      const found = await client.describeCheckpoint(name, console.signal);
      await print(found, checkpointLines(found));
    } else {
      const found = await client.operation(name, console.signal);
      await print(found, operationLines(found));
    }
    async function printTree(found: unknown, lines: readonly DescribedLine[]): Promise<void> {
      const { output } = flags;
      console.out.write(output === 'text' ? describedText(lines) : await plainData(found, output));
    }
    async function print(found: unknown, lines: readonly Line[]): Promise<void> {
      const text = lines.flatMap(([title, value]) =>
        value === undefined || value === '' ? [] : `${`${title}:`.padEnd(17)}${printable(value)}\n`,
      );
      const { output } = flags;
      console.out.write(output === 'text' ? text.join('') : await plainData(found, output));
    }
  },
});

async function podOrContainer(
  client: StasisClient,
  kind: 'pod' | 'container',
  name: string,
  signal: AbortSignal,
): Promise<{ found: unknown; lines: readonly DescribedLine[] }> {
  const parts = name.split('/');
  const container = kind === 'container' ? (parts.pop() ?? '') : '';
  if (parts.length === 0) throw new UsageError(`"${printable(name)}" is not [NAMESPACE/]POD/CONTAINER`);
  const { namespace, pod } = podNamed(parts.join('/'));
  const found = await client.pod(namespace, pod, signal);
  if (kind === 'pod') return { found, lines: podLines(found) };
  const item = found.containers.find((each) => each.name === container);
  if (!item) throw new UsageError(`pod ${printable(pod)} has no container ${printable(container)}`);
  return {
    found: { namespace, pod, ...item, described: specOf(found, container) },
    lines: [['Pod', `${namespace}/${pod}`], ...containerLines(found, item)],
  };
}

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
