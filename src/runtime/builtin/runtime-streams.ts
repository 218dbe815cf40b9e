import type { ContainerEventType } from '../../gen/cri/v1/api_pb.ts';
import { containerAnswer, containerStatusAnswer, sandboxAnswer, sandboxStatusAnswer } from './answers.ts';
import { podStatsOf, statsOf } from './container-stats.ts';
import { asConnectError } from './grpc-error.ts';
import { type Machine, now } from './machine.ts';
import { containersMatching, sandboxesMatching } from './runtime-filters.ts';

interface CallContext {
  signal: AbortSignal;
}

type Filter = Parameters<typeof containersMatching>[1];
type PodFilter = Parameters<typeof sandboxesMatching>[1];

/** The methods that answer with a stream: the lists again, one item at a time, and what happens to containers. */
export function streamMethods(machine: Machine) {
  return {
    async *streamPodSandboxes({ filter }: { filter?: PodFilter }) {
      for (const record of sandboxesMatching(machine, filter)) yield { podSandbox: sandboxAnswer(record) };
    },
    async *streamContainers({ filter }: { filter?: Filter }) {
      for (const record of await containersMatching(machine, filter)) {
        yield { container: containerAnswer(record) };
      }
    },
    async *streamContainerStats({ filter }: { filter?: Filter }) {
      for (const record of await containersMatching(machine, filter)) {
        yield { containerStats: await statsOf(machine, record) };
      }
    },
    async *streamPodSandboxStats({ filter }: { filter?: PodFilter }) {
      for (const record of sandboxesMatching(machine, filter)) {
        yield { podSandboxStats: await podStatsOf(machine, record) };
      }
    },
    getContainerEvents: (_request: unknown, context: CallContext) => events(machine, context.signal),
  };
}

async function* events(machine: Machine, signal: AbortSignal) {
  try {
    for await (const event of machine.events.listen(signal)) {
      const sandbox = machine.sandboxes.find(event.sandboxId);
      const inside = await containersMatching(machine, { podSandboxId: event.sandboxId });
      yield {
        containerId: event.containerId,
        containerEventType: event.type satisfies ContainerEventType,
        createdAt: now(),
        ...(sandbox && { podSandboxStatus: sandboxStatusAnswer(sandbox) }),
        containersStatuses: inside.map(containerStatusAnswer),
      };
    }
  } catch (error) {
    throw asConnectError(error);
  }
}
