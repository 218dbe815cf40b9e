import { targetOf } from '../api/endpoints.ts';
import type { List, Operation, OperationTarget } from '../api/stasis.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { CheckpointResult, OperationWork } from '../pods/checkpoint-operations.ts';
import type { PodCheckpointChoices } from '../pods/pod-checkpoints.ts';
import { volumeChoices } from '../pods/pod-volumes.ts';
import type { Tell } from '../pods/progress.ts';
import { type ApiRequest, json, type Query } from './api-request.ts';
import { eventStream } from './event-stream.ts';
import { enter } from './make-handlers.ts';
import type { ApiOptions, Handlers } from './stasis-routes.ts';

type Names =
  | 'checkpointPod'
  | 'checkpointContainer'
  | 'operations'
  | 'operation'
  | 'operationEvents'
  | 'cancelOperation';

type Make = (signal: AbortSignal, tell?: Tell) => Promise<CheckpointResult>;

/** What a client says about the checkpoints of pods. */
export function choicesIn(query: Query): PodCheckpointChoices {
  const asked = query.text('volumes');
  const volumes = volumeChoices.find((choice) => choice === asked);
  if (asked !== undefined && !volumes) {
    throw new CodedError(
      'invalid-argument',
      `volumes is ${JSON.stringify(asked)}, not one of ${volumeChoices.join(', ')}`,
    );
  }
  return { timeout: query.integer('timeout') ?? 0, ...(volumes ? { volumes } : {}) };
}

/** Checkpoints, with the client waiting for them or not. */
export function operationHandlers(options: ApiOptions): Handlers<Names> {
  const { node, operations } = options;
  return {
    checkpointPod: (request) => {
      const { part, query } = request;
      const [namespace, pod] = [part('namespace'), part('pod')];
      const how = choicesIn(query);
      return checkpoint(options, request, { namespace, pod }, (signal, tell) =>
        node.checkpointPod(namespace, pod, how, signal, tell),
      );
    },
    checkpointContainer: (request) => {
      const { part, query } = request;
      const target = { namespace: part('namespace'), pod: part('pod'), container: part('container') };
      const timeout = query.integer('timeout') ?? 0;
      return checkpoint(options, request, target, (signal, tell) =>
        node.checkpointContainer(target, timeout, signal, tell),
      );
    },
    operations: async () => {
      const items = operations.list();
      return json({ apiVersion: 'stasis/v1', kind: 'OperationList', items } satisfies List<Operation>);
    },
    operation: async ({ part }) => json(operations.get(part('operation'))),
    operationEvents: async ({ part, signal }) => {
      const id = part('operation');
      operations.get(id);
      const all = AbortSignal.any([signal, options.stopping]);
      return eventStream(operations.follow(id, all), all);
    },
    cancelOperation: async ({ part }) => json(await operations.cancel(part('operation'))),
  };
}

async function checkpoint(
  options: ApiOptions,
  request: ApiRequest,
  target: OperationTarget,
  make: Make,
): Promise<Response> {
  const { metrics, operations } = options;
  const leave = enter(options, request.user);
  const kind = target.container === undefined ? 'pod' : 'container';
  const counted: Make = (signal, tell) => metrics.checkpoint(kind, () => make(signal, tell));
  try {
    if (!request.query.flag('async')) {
      const made = await counted(request.signal);
      request.facts.archive = made.archive;
      return json(made);
    }
    await mustExist(options, target, request.signal);
    const work: OperationWork = { make: counted, digest: options.digestOf, ended: leave };
    const operation = operations.start(target, request.user, work);
    const location = targetOf('operation', { operation: operation.id });
    return json(operation, 202, { location });
  } catch (error) {
    leave();
    throw error;
  } finally {
    if (!request.query.flag('async')) leave();
  }
}

/** What is not there is said at once, and not only by an operation that fails. */
async function mustExist({ node }: ApiOptions, target: OperationTarget, signal: AbortSignal): Promise<void> {
  const { namespace, pod, container } = target;
  const containers = await node.containersOf(namespace, pod, signal);
  if (!containers) throw new CodedError('not-found', `this node has no pod ${namespace}/${pod}`);
  if (container !== undefined && !containers.includes(container)) {
    throw new CodedError('not-found', `pod ${namespace}/${pod} has no container ${container}`);
  }
}
