import type { CheckpointSummary, List } from '../api/stasis.ts';
import { matching, object } from '../pods/schema.ts';
import { type ApiRequest, json } from './api-request.ts';
import { download } from './download.ts';
import type { ApiOptions, Handlers } from './stasis-routes.ts';

type Names = 'checkpoints' | 'checkpoint' | 'deleteCheckpoint' | 'download' | 'pin' | 'unpin';

const pinRequest = object({ reason: matching(/^/, 1000, 'a text of at most 1000 characters') });

/** The archives in the checkpoints directory. */
export function checkpointHandlers({ node }: ApiOptions): Handlers<Names> {
  const describe = async ({ part, signal }: ApiRequest): Promise<Response> =>
    json(await node.describeCheckpoint(part('checkpoint'), signal));
  return {
    checkpoints: async ({ signal }) => {
      const items = await node.checkpoints(signal);
      return json({
        apiVersion: 'stasis/v1',
        kind: 'CheckpointList',
        items,
      } satisfies List<CheckpointSummary>);
    },
    checkpoint: describe,
    deleteCheckpoint: async ({ part, query, facts, signal }) => {
      const { path } = await node.findCheckpoint(part('checkpoint'), signal);
      await node.deleteCheckpoint(part('checkpoint'), query.flag('force'));
      facts.archive = path;
      return new Response(null, { status: 204 });
    },
    download: async (request) => {
      const { path } = await node.findCheckpoint(request.part('checkpoint'), request.signal);
      request.facts.archive = path;
      return download(path, request);
    },
    pin: async (request) => {
      const { reason = '' } = await request.body(pinRequest, {});
      await node.pinCheckpoint(request.part('checkpoint'), request.user, reason);
      return describe(request);
    },
    unpin: async (request) => {
      await node.unpinCheckpoint(request.part('checkpoint'));
      return describe(request);
    },
  };
}
