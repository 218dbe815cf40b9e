import type { ExecRequest, StreamGrant } from '../api/stasis.ts';
import { flag, listOf, object, text } from '../pods/schema.ts';
import { json } from './api-request.ts';
import type { ApiOptions, Handlers } from './stasis-routes.ts';

const execRequest = object({ container: text, command: listOf(text), stdin: flag, tty: flag }, ['command']);

/** Commands in containers, and what these have written. */
export function streamHandlers({ node, streams }: ApiOptions): Handlers<'exec' | 'log'> {
  const grant = (path: string) =>
    json({ apiVersion: 'stasis/v1', kind: 'Stream', path } satisfies StreamGrant);
  return {
    exec: async ({ part, body, signal }) => {
      const { container, command, stdin = false, tty = false }: ExecRequest = await body(execRequest);
      const address = {
        namespace: part('namespace'),
        pod: part('pod'),
        ...(container === undefined ? {} : { container }),
      };
      const url = await node.streams.execUrl(address, { command, stdin, tty }, signal);
      return grant(await streams.relayed(url, signal));
    },
    log: async ({ part, query }) => {
      const container = query.text('container');
      const tail = query.integer('tail');
      const address = {
        namespace: part('namespace'),
        pod: part('pod'),
        ...(container === undefined ? {} : { container }),
      };
      const options = {
        ...(tail === undefined ? {} : { tail }),
        follow: query.flag('follow'),
        previous: query.flag('previous'),
      };
      const { streams: pods } = node;
      pods.mustHave(address);
      return grant(streams.log((signal) => pods.log(address, options, signal)));
    },
  };
}
