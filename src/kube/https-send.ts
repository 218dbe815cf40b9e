import type { ClientRequest, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { isIP } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import type { HttpAnswer, HttpRequest, HttpStream, Send, StreamSend } from '../api/client.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';

/** How to reach a server over TLS, and as whom. */
export interface HttpsTarget {
  /** `https://host:port` */
  server: string;
  token?: string;
  /** PEM of a client certificate and its key. */
  certificate?: string;
  key?: string;
  /** PEM of the authorities that are trusted; the system's where left out. */
  authorities?: string;
  /** PEM of the one certificate that the server must show, whatever name is in it. */
  pinned?: string;
}

/** Bytes of an answer that we are willing to hold. */
const answerLimit = 64 << 20;

/** Requests to `target`, one connection each. @throws CodedError `invalid-argument` where the URL is none */
export function httpsSend(target: HttpsTarget): Send {
  const url = parseServer(target.server);
  return (asked, signal) =>
    new Promise<HttpAnswer>((resolve, reject) => {
      const fail = (error: unknown) => reject(unreachable(target.server, error, signal));
      const outgoing = open(target, url, asked, signal, (incoming) => {
        const pieces: Buffer[] = [];
        let size = 0;
        incoming.on('data', (piece: Buffer) => {
          size += piece.length;
          if (size > answerLimit)
            outgoing.destroy(new Error(`the answer has more than ${answerLimit} bytes`));
          else pieces.push(piece);
        });
        incoming.on('end', () =>
          resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(pieces).toString() }),
        );
        incoming.on('error', fail);
      });
      outgoing.on('error', fail);
      outgoing.end(asked.body);
    });
}

/** The same, for answers that come piece by piece. */
export function httpsStream(target: HttpsTarget): StreamSend {
  const url = parseServer(target.server);
  return (asked, signal) =>
    new Promise<HttpStream>((resolve, reject) => {
      const outgoing = open(target, url, asked, signal, (incoming) => {
        const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
        const body = piecesOf(incoming, target.server, signal);
        resolve({ status: incoming.statusCode ?? 0, headers: Object.fromEntries(headers), body });
      });
      outgoing.on('error', (error) => reject(unreachable(target.server, error, signal)));
      if (asked.upload === undefined) outgoing.end(asked.body);
      // What ends it shows at the request.
      else pipeline(Readable.from(asked.upload), outgoing, () => undefined);
    });
}

async function* piecesOf(
  incoming: IncomingMessage,
  server: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* incoming as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw unreachable(server, error, signal);
  }
}

function open(
  target: HttpsTarget,
  url: URL,
  { method, path, body, upload, headers = {} }: HttpRequest,
  signal: AbortSignal,
  answered: (incoming: IncomingMessage) => void,
): ClientRequest {
  return request(
    {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port || 443,
      method,
      path,
      signal,
      agent: false,
      headers: {
        accept: 'application/json',
        ...(upload ? {} : { 'content-length': Buffer.byteLength(body ?? '') }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(target.token ? { authorization: `Bearer ${target.token}` } : {}),
        ...headers,
      },
      ...tlsOptions(target),
    },
    answered,
  );
}

/** A connection to `target`, for what is no plain request. */
export function tlsConnection(target: HttpsTarget, signal: AbortSignal): Promise<TLSSocket> {
  const url = parseServer(target.server);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const socket = connect({ host, port: Number(url.port || 443), ...servername, ...tlsOptions(target) });
    const giveUp = () => void socket.destroy(new Error('interrupted'));
    signal.addEventListener('abort', giveUp, { once: true });
    socket.once('error', (error) => reject(unreachable(target.server, error, signal)));
    socket.once('secureConnect', () => {
      signal.removeEventListener('abort', giveUp);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

function tlsOptions({ certificate, key, authorities, pinned }: HttpsTarget) {
  return {
    minVersion: 'TLSv1.2' as const,
    ...(certificate && key ? { cert: certificate, key } : {}),
    ...(authorities ? { ca: authorities } : {}),
    // The certificate itself is the trust, so a name in it adds nothing.
    ...(pinned ? { ca: pinned, allowPartialTrustChain: true, checkServerIdentity: () => undefined } : {}),
  };
}

function parseServer(server: string): URL {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol === 'https:' && url.pathname === '/') return url;
  throw new CodedError('invalid-argument', `${JSON.stringify(server)} is not https://HOST:PORT`);
}

function unreachable(server: string, error: unknown, signal: AbortSignal): CodedError {
  if (signal.aborted) return new CodedError('cancelled', 'interrupted', { cause: error });
  const { code } = error as NodeJS.ErrnoException;
  const hint =
    code === 'ECONNREFUSED' || code === 'ECONNRESET'
      ? 'is stasisd running? client.json in its root directory tells where it was last'
      : /SELF_SIGNED|UNABLE_TO|CERT/.test(code ?? '')
        ? 'name the authority that signed its certificate with --certificate-authority'
        : undefined;
  const what = messageOf(error) || code || 'no connection';
  return new CodedError('unavailable', `${server}: ${what}`, { cause: error, ...(hint ? { hint } : {}) });
}
