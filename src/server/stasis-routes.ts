import { type EndpointName, endpointOf } from '../api/endpoints.ts';
import type { CheckpointOperations } from '../pods/checkpoint-operations.ts';
import type { NodeControl } from '../pods/node-control.ts';
import { type ApiRequest, apiRequest } from './api-request.ts';
import type { StasisApp, StasisContext } from './app.ts';
import { archiveHandlers } from './archive-handlers.ts';
import { checkpointHandlers } from './checkpoint-handlers.ts';
import { documentHandlers } from './document-handlers.ts';
import type { RequestLimits } from './limits.ts';
import { lookHandlers } from './look-handlers.ts';
import { makeHandlers } from './make-handlers.ts';
import { nodeHandlers } from './node-handlers.ts';
import { operationHandlers } from './operation-handlers.ts';
import type { ServerMetrics } from './server-metrics.ts';
import { stateHandlers } from './state-handlers.ts';
import { streamHandlers } from './stream-handlers.ts';
import type { Streams } from './streams.ts';

/** What answers the requests of our own API. */
export interface ApiOptions {
  node: NodeControl;
  streams: Streams;
  operations: CheckpointOperations;
  limits: RequestLimits;
  metrics: ServerMetrics;
  /** Of the product. */
  version: string;
  /** Digest of a finished archive. */
  digestOf(path: string, signal?: AbortSignal): Promise<string>;
  /** Ends what is sent without an end, so that the server can stop. */
  stopping: AbortSignal;
}

export type Handler = (request: ApiRequest) => Promise<Response>;
/** Every endpoint but those that the application answers itself. */
export type RoutedName = Exclude<EndpointName, 'live' | 'health' | 'metrics' | 'kubeletCheckpoint'>;
export type Handlers<N extends RoutedName> = Readonly<Record<N, Handler>>;

/** Adds our own API: everything that a person can do with the command line on this node. */
export function addStasisRoutes(app: StasisApp, options: ApiOptions): void {
  const handlers: Handlers<RoutedName> = {
    ...documentHandlers(options),
    ...nodeHandlers(options),
    ...streamHandlers(options),
    ...operationHandlers(options),
    ...checkpointHandlers(options),
    ...lookHandlers(options),
    ...archiveHandlers(options),
    ...makeHandlers(options),
    ...stateHandlers(options),
  };
  for (const [name, handler] of Object.entries(handlers)) {
    const endpoint = endpointOf(name as RoutedName);
    const path = endpoint.path.replace(/\{(\w+)\}/g, ':$1');
    app.on(endpoint.method, path, async (context: StasisContext) => handler(apiRequest(endpoint, context)));
  }
}
