import type { AttachRequest, ExecRequest, PortForwardRequest, StreamGrant } from '../api/stasis.ts';
import { CodedError } from '../errors/coded-error.ts';
import { flag, integer, listOf, object, text } from '../pods/schema.ts';
import { json } from './api-request.ts';
import type { ApiOptions, Handlers } from './stasis-routes.ts';

const execRequest = object({ container: text, command: listOf(text), stdin: flag, tty: flag }, ['command']);
/** Connections that one request opens. */
const mostPorts = 16;

const attachRequest = object({ container: text, stdin: flag, tty: flag });
const portForwardRequest = object({ ports: listOf(integer(1, 65_535), mostPorts) }, ['ports']);

/** Commands in containers, what these read and write, their ports. */
export function streamHandlers({
  node,
  streams,
}: ApiOptions): Handlers<'exec' | 'attach' | 'portForward' | 'log'> {
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
    attach: async ({ part, body, signal }) => {
      const { container, stdin = false, tty = false }: AttachRequest = await body(attachRequest, {});
      const address = {
        namespace: part('namespace'),
        pod: part('pod'),
        ...(container === undefined ? {} : { container }),
      };
      const url = await node.streams.attachUrl(address, { stdin, tty }, signal);
      return grant(await streams.relayed(url, signal));
    },
    portForward: async ({ part, body, signal }) => {
      const { ports }: PortForwardRequest = await body(portForwardRequest);
      if (ports.length === 0) throw new CodedError('invalid-argument', 'the body: ports names none');
      const url = await node.streams.portForwardUrl(part('namespace'), part('pod'), ports, signal);
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
