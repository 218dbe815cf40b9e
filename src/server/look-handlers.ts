import {
  type InspectRequest,
  type List,
  type SearchEnd,
  type SearchHit,
  type StateFileReport,
  type StateFileSummary,
  searchLimits,
} from '../api/stasis.ts';
import type { StateDifference, StateForecast } from '../api/state-shapes.ts';
import { CodedError } from '../errors/coded-error.ts';
import { flag, integer, listOf, matching, object, oneOf } from '../pods/schema.ts';
import { type ApiRequest, json, jsonText } from './api-request.ts';
import type { ApiOptions, Handlers } from './stasis-routes.ts';
import { streamed } from './streamed.ts';

type Names =
  | 'inspect'
  | 'search'
  | 'stateFiles'
  | 'verifyState'
  | 'stateContent'
  | 'stateDifferences'
  | 'statePreflight';

const searchRequest = object({
  pattern: matching(/^./s, searchLimits.pattern, `a text of at most ${searchLimits.pattern} characters`),
  as: oneOf('literal', 'regex', 'hex', 'utf16'),
  ignoreCase: flag,
  secrets: flag,
  pids: listOf(integer(1, 0xffff_ffff)),
  context: integer(0, searchLimits.context),
  limit: integer(1, searchLimits.most),
});

/** What is in checkpoints and state files. What a search looks for and finds is in no log. */
export function lookHandlers({ node }: ApiOptions): Handlers<Names> {
  const find = async ({ part, facts, signal }: ApiRequest) => {
    const found = await node.findCheckpoint(part('checkpoint'), signal);
    facts.archive = found.path;
    return found;
  };
  return {
    inspect: async (request) => {
      request.facts.aboutContents = true;
      const archive = await find(request);
      return jsonText(await node.look.inspect(archive, inspectRequest(request), request.signal));
    },
    search: async (request) => {
      request.facts.aboutContents = true;
      const asked = await request.body(searchRequest);
      if (asked.pattern === undefined && !asked.secrets) {
        throw new CodedError('invalid-argument', 'the body has neither pattern nor secrets');
      }
      const archive = await find(request);
      const hits = node.look.search(archive, request.query.text('container'), asked, request.signal);
      return streamed(linesOf(hits), request, { 'content-type': 'application/jsonl' });
    },
    stateFiles: async ({ signal }) => {
      const items = await node.look.stateFiles(signal);
      const list: List<StateFileSummary> = { apiVersion: 'stasis/v1', kind: 'StateFileList', items };
      return json(list);
    },
    verifyState: async ({ signal }) => {
      const items = await node.look.verifyState(signal);
      const list: List<StateFileReport> = { apiVersion: 'stasis/v1', kind: 'StateReportList', items };
      return json(list);
    },
    stateContent: async ({ query, signal }) =>
      json(await node.look.stateContent(query.text('file') ?? '', signal)),
    stateDifferences: async ({ query, signal }) => {
      const items = await node.look.stateDifferences(query.text('file') ?? '', signal);
      const list: List<StateDifference> = { apiVersion: 'stasis/v1', kind: 'StateDifferenceList', items };
      return json(list);
    },
    statePreflight: async ({ query, signal }) => {
      const [from, to] = [query.text('from') ?? '', query.text('to') ?? ''];
      const items = await node.look.statePreflight(from, to, signal);
      const list: List<StateForecast> = { apiVersion: 'stasis/v1', kind: 'StateForecastList', items };
      return json(list);
    },
  };
}

function inspectRequest({ query }: ApiRequest): InspectRequest {
  const container = query.text('container');
  const sections = query.text('sections');
  return {
    ...(container === undefined ? {} : { container }),
    ...(sections === undefined ? {} : { sections }),
    processes: query.flag('processes'),
    arguments: query.flag('arguments'),
    environment: query.flag('environment'),
    statistics: query.flag('statistics'),
    mounts: query.flag('mounts'),
    metadata: query.flag('metadata'),
  };
}

/** One line of JSON for each. */
async function* linesOf(hits: AsyncIterable<SearchHit | SearchEnd>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const hit of hits) yield encoder.encode(`${JSON.stringify(hit)}\n`);
}
