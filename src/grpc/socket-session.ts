import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from 'node:http2';
import { connect } from 'node:net';
import { Code, ConnectError } from '@connectrpc/connect';
import type { GrpcTransportOptions } from '@connectrpc/connect-node';

type SessionManager = NonNullable<GrpcTransportOptions['sessionManager']>;
type Headers = Parameters<SessionManager['request']>[2];
type RequestOptions = Parameters<SessionManager['request']>[3];

/** Connections that are tried for one request: the other side may close one just as it is used. */
const attempts = 3;

/**
 * An HTTP/2 connection to a unix socket, made when it is first needed and again after it was lost.
 *
 * A request is sent only when the other side has greeted with its SETTINGS, so what is no gRPC server is told
 * apart from one that breaks off. Every session has an error listener for as long as it lives: without one, an
 * error that comes after the request has failed would end the process.
 */
export class SocketSession implements SessionManager {
  readonly authority = 'http://localhost';
  readonly #path: string;
  #session: ClientHttp2Session | undefined;
  #greeted: Promise<ClientHttp2Session> | undefined;

  /** @param path of the socket */
  constructor(path: string) {
    this.#path = path;
  }

  /** Makes the connection, if there is none. @throws ConnectError as `request` does */
  async connect(): Promise<void> {
    await this.#usable();
  }

  /** @throws ConnectError `Unavailable` when nobody listens, or nobody who speaks gRPC; `Canceled` after `close` */
  async request(
    method: string,
    path: string,
    headers: Headers,
    options: RequestOptions,
  ): Promise<ClientHttp2Stream> {
    for (let left = attempts; ; left--) {
      const session = await this.#usable();
      try {
        const stream = session.request({ ...headers, ':method': method, ':path': path }, options);
        keepAwake(session, stream);
        return stream;
      } catch (error) {
        if (left <= 1 || !(session.closed || session.destroyed)) throw error;
      }
    }
  }

  /** Nothing here pings, so it is no news that somebody answers. */
  notifyResponseByteRead(): void {}

  /** Ends the connection and every request on it. A later request makes another one. */
  close(): void {
    this.#session?.destroy(
      new ConnectError('the connection was closed', Code.Canceled),
      constants.NGHTTP2_CANCEL,
    );
  }

  #usable(): Promise<ClientHttp2Session> {
    const session = this.#session;
    if (this.#greeted && session && !session.closed && !session.destroyed) return this.#greeted;
    const fresh = connectHttp2(this.authority, { createConnection: () => connect(this.#path) });
    this.#session = fresh;
    this.#greeted = greeting(fresh);
    return this.#greeted;
  }
}

/** Settles when the other side has said that it speaks HTTP/2, or that it does not. */
function greeting(session: ClientHttp2Session): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    session.once('remoteSettings', () => resolve(session));
    session.on('error', (error) => reject(unusable(error)));
    session.once('close', () => {
      reject(new ConnectError('it closes the connection without a word of gRPC', Code.Unavailable));
    });
  });
}

/** Why a call on such a connection failed, for a message that names the socket. */
export function whyNoAnswer(error: unknown): string {
  const { code, rawMessage } = ConnectError.from(error);
  return code === Code.DeadlineExceeded ? 'it gives no answer in time' : rawMessage;
}

function unusable(error: Error & { code?: unknown }): ConnectError {
  if (error instanceof ConnectError) return error;
  // Of the connection itself: ENOENT, ECONNREFUSED, EACCES.
  const { code, message } = error;
  const why = code === 'ERR_HTTP2_ERROR' ? `what listens there does not speak gRPC (${message})` : message;
  return new ConnectError(why, Code.Unavailable, undefined, undefined, error);
}

/** An idle connection does not keep the process from ending, one with open requests does. */
const open = new WeakMap<ClientHttp2Session, number>();

function keepAwake(session: ClientHttp2Session, stream: ClientHttp2Stream): void {
  count(session, 1);
  stream.once('close', () => count(session, -1));
}

function count(session: ClientHttp2Session, change: 1 | -1): void {
  const streams = (open.get(session) ?? 0) + change;
  open.set(session, streams);
  if (session.destroyed) return;
  if (streams > 0) session.ref();
  else session.unref();
}
