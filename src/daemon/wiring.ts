import { join } from 'node:path';
import { firstOf } from '../auth/authenticator.ts';
import { DeviceMetrics } from '../devicemanager/device-metrics.ts';
import { CodedError } from '../errors/coded-error.ts';
import { dumpStatistics } from '../inspect/stats.ts';
import { privateDirectory } from '../localfs/atomic-file.ts';
import { fileDigest } from '../localfs/file-digest.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import { openCheckpoint } from '../localfs/open-checkpoint.ts';
import { CheckpointOperations } from '../pods/checkpoint-operations.ts';
import type { NodeControl } from '../pods/node-control.ts';
import type { Log } from '../pods/node-pods.ts';
import { type AppOptions, createApp } from '../server/app.ts';
import { RequestLimits } from '../server/limits.ts';
import { ServerMetrics } from '../server/server-metrics.ts';
import { addStasisRoutes } from '../server/stasis-routes.ts';
import { Streams } from '../server/streams.ts';
import { apiServer, authenticators, authorizer } from './access-wiring.ts';
import { late } from './late.ts';
import { localAccess } from './local-access.ts';
import { startNode } from './node-wiring.ts';
import { RuntimeOpening } from './runtime-opening.ts';
import { reachable, serve } from './serving.ts';
import type { Settings } from './settings.ts';

/** The daemon while it runs. */
export interface RunningDaemon {
  port: number;
  /** Fails where what was waited for turns out never to come. */
  started: Promise<void>;
  /** Stops serving and lets go of the pods, which go on. */
  close(): Promise<void>;
}

/** Chooses every implementation, puts them together and starts them. */
export async function startDaemon(settings: Settings, version: string, log: Log): Promise<RunningDaemon> {
  const stopping = new AbortController();
  const { rootDirectory } = settings;
  await makeDirectories(join(rootDirectory, 'stasis'), privateDirectory);
  const access = localAccess();
  const server = await apiServer(settings);
  const authentication = await authenticators(settings, server, log);
  const authorize = access.authorize(await authorizer(settings, server, log));
  const opening = new RuntimeOpening(settings, version, log, stopping.signal);
  await opening.first();
  const node = late<NodeControl>(() => opening.why);
  const streams = new Streams();
  const operations = new CheckpointOperations(stopping.signal, settings.operations);
  const deviceMetrics = new DeviceMetrics();
  const metrics = new ServerMetrics(frozenTime, deviceMetrics.all);
  const app = createApp({
    nodeName: settings.nodeName,
    ...(settings.checkpointApi ? { checkpointer: node.value } : {}),
    authenticate: firstOf([access.authenticate, ...authentication.list], { anonymous: settings.anonymous }),
    authorize,
    audit: (record) => log('info', 'audit', { ...record }),
    ...apiOptions(settings, version, node.value, metrics, operations, streams, stopping.signal),
  });
  let running: Awaited<ReturnType<typeof startNode>> | undefined;
  let serving: Awaited<ReturnType<typeof serve>> | undefined;
  const close = async (): Promise<void> => {
    authentication.close();
    streams.close();
    const closing = serving?.close();
    stopping.abort(new CodedError('cancelled', 'stasisd is stopping'));
    await closing;
    await operations.idle();
    await running?.close();
    await opening.close();
  };
  try {
    const start = async (): Promise<void> => {
      const opened = await opening.runtime();
      const { signal } = stopping;
      running = await startNode({ settings, version, opened, opening, deviceMetrics, log, stopping: signal });
      node.set(running.control);
    };
    if (opening.isOpen) await start();
    serving = await serve(settings, app, streams, log);
    const { port, certificate } = serving;
    const where = { server: `https://${reachable(settings.address)}:${port}`, certificate };
    const published = await access.publish(rootDirectory, where);
    log('info', 'stasisd is serving', { address: settings.address, port, client: published });
    const go = async (): Promise<void> => {
      if (!running) await start();
      running?.start();
    };
    const started = go().catch((error: unknown) => {
      if (!stopping.signal.aborted) throw error;
    });
    return {
      port,
      started,
      async close() {
        await close();
        await started;
        log('info', 'stasisd has stopped, its pods go on');
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the API is made of besides who may use it. */
function apiOptions(
  settings: Settings,
  version: string,
  node: NodeControl,
  metrics: ServerMetrics,
  operations: CheckpointOperations,
  streams: Streams,
  stopping: AbortSignal,
): Pick<AppOptions, 'limits' | 'metrics' | 'digestOf' | 'routes'> {
  const limits = new RequestLimits(settings.limits);
  const digestOf = (path: string) => fileDigest(path, stopping);
  const api = { node, operations, streams, limits, metrics, version, digestOf, stopping };
  return { limits, metrics, digestOf, routes: (routes) => addStasisRoutes(routes, api) };
}

/** Microseconds for which nothing ran, as CRIU noted it in the archive. */
async function frozenTime(archive: string): Promise<number | undefined> {
  const checkpoint = await openCheckpoint(archive);
  try {
    return (await dumpStatistics(checkpoint))?.frozenTime;
  } finally {
    await checkpoint.close();
  }
}
