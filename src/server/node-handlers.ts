import type {
  CpuSummary,
  DeviceSummary,
  DrainResult,
  List,
  PodSummary,
  RestorePreflight,
  RestoreRequest,
  RestoreResult,
} from '../api/stasis.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { RestoreFrom } from '../pods/node-control.ts';
import { mapOf, matching, object, oneOf } from '../pods/schema.ts';
import { type ApiRequest, json } from './api-request.ts';
import { choicesIn } from './operation-handlers.ts';
import type { ApiOptions, Handlers } from './stasis-routes.ts';

const apiVersion = 'stasis/v1';

type Names =
  | 'node'
  | 'runtime'
  | 'pods'
  | 'pod'
  | 'cpus'
  | 'devices'
  | 'deletePod'
  | 'drain'
  | 'uncordon'
  | 'restore'
  | 'restorePreflight';

const label = matching(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, 253, 'a name');
const path = matching(/^\/[^\0]*$/, 4096, 'the absolute path of a file on the node');
const restoreRequest = object({
  checkpoint: matching(/^[^\0/]+$/, 255, 'the name of a checkpoint'),
  archive: path,
  name: label,
  namespace: label,
  volumes: mapOf(path),
  tcp: oneOf('established', 'close'),
});

/** The node as a whole, and its pods. */
export function nodeHandlers({ node }: ApiOptions): Handlers<Names> {
  const restoreFrom = async ({ body, facts, signal }: ApiRequest): Promise<RestoreFrom> => {
    const { checkpoint, archive: path, ...as }: RestoreRequest = await body(restoreRequest);
    if ((checkpoint === undefined) === (path === undefined)) {
      throw new CodedError('invalid-argument', 'the body: it has to have one of checkpoint and archive');
    }
    const archive = path ?? (await node.findCheckpoint(checkpoint ?? '', signal)).path;
    facts.archive = archive;
    return { ...as, archive };
  };
  return {
    node: async ({ signal }) => json(await node.status(signal)),
    runtime: async ({ signal }) => json(await node.runtime(signal)),
    pods: async ({ signal }) => {
      const items = await node.pods(signal);
      return json({ apiVersion, kind: 'PodList', items } satisfies List<PodSummary>);
    },
    cpus: async ({ signal }) => {
      const items = await node.cpus(signal);
      return json({ apiVersion, kind: 'CpuList', items } satisfies List<CpuSummary>);
    },
    pod: async ({ part, signal }) => json(await node.pod(part('namespace'), part('pod'), signal)),
    devices: async ({ signal }) => {
      const items = await node.devices(signal);
      return json({ apiVersion, kind: 'DeviceList', items } satisfies List<DeviceSummary>);
    },
    deletePod: async ({ part, signal }) => {
      await node.deletePod(part('namespace'), part('pod'), signal);
      return new Response(null, { status: 204 });
    },
    drain: async ({ query, signal }) => {
      const pods = await node.drain(choicesIn(query), signal);
      return json({ apiVersion, kind: 'DrainResult', pods } satisfies DrainResult);
    },
    uncordon: async ({ signal }) => {
      await node.uncordon(signal);
      return json(await node.status(signal));
    },
    restore: async (request) => {
      const pod = await node.restore(await restoreFrom(request), request.signal);
      return json({ apiVersion, kind: 'RestoreResult', pod } satisfies RestoreResult);
    },
    restorePreflight: async (request) => {
      const found = await node.restoreForecast(await restoreFrom(request), request.signal);
      return json({ apiVersion, kind: 'RestorePreflight', ...found } satisfies RestorePreflight);
    },
  };
}
