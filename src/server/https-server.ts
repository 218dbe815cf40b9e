import { constants } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import type { StasisApp } from './app.ts';
import { limitBodyTime } from './body-time.ts';

/** PEM texts of what the server shows and trusts. */
export interface TlsMaterial {
  certificate: string;
  key: string;
  /** Roots of client certificates; without them no certificate is asked for. */
  clientCa?: string;
}

export interface ListenOptions {
  address: string;
  /** 0 takes any free port. */
  port: number;
  tls: TlsMaterial;
  /** TLS 1.2 and later with Node's own choice where left out. */
  tlsOptions?: TlsOptions;
  /** Takes a connection over that asks to be another protocol's. */
  upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** How the server may be spoken to; suites and key exchanges by OpenSSL's names, with colons. */
export interface TlsOptions {
  minVersion: 'TLSv1.2' | 'TLSv1.3';
  ciphers?: string;
  curves?: string;
}

export interface RunningServer {
  /** Where it listens. */
  address: string;
  port: number;
  /** Shows another certificate, or trusts other clients, from the next connection on. */
  replaceTls(tls: TlsMaterial): void;
  /** Stops accepting, lets requests finish for at most `milliseconds`, then cuts them off. */
  close(milliseconds: number): Promise<void>;
}

const limits = {
  /** Bytes of request line and headers together. */
  headers: 16 * 1024,
  connections: 1024,
  handshakeMilliseconds: 10_000,
  /** Until the headers, and the whole request, have come: who sends drop by drop is cut off. */
  headersMilliseconds: 10_000,
  requestMilliseconds: 60_000,
  idleMilliseconds: 90_000,
};

/** Serves `app` over TLS, 1.2 and later unless it is to be newer. */
export async function listen(app: StasisApp, options: ListenOptions): Promise<RunningServer> {
  const answer = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createServer(
    {
      ...secureContext(options.tls, options.tlsOptions),
      requestCert: options.tls.clientCa !== undefined,
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeMilliseconds,
      maxHeaderSize: limits.headers,
      headersTimeout: limits.headersMilliseconds,
      // Uploads may take longer; what is too slow is ended below.
      requestTimeout: 0,
      keepAliveTimeout: limits.idleMilliseconds,
      connectionsCheckingInterval: 2_000,
    },
    (incoming: IncomingMessage, outgoing: ServerResponse) => {
      // Go's server does not say that it keeps a connection open, only that it closes one.
      if (outgoing.shouldKeepAlive) outgoing.removeHeader('connection');
      limitBodyTime(incoming, limits.requestMilliseconds, () => refuse(tooSlow, incoming.socket));
      void answer(incoming, outgoing);
    },
  );
  server.maxConnections = limits.connections;
  server.on('clientError', refuse);
  if (options.upgrade) server.on('upgrade', options.upgrade);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.address, port: options.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = server.address() as AddressInfo;
  return {
    address: bound.address,
    port: bound.port,
    replaceTls: (tls) => server.setSecureContext(secureContext(tls, options.tlsOptions)),
    close: (milliseconds) => closeServer(server, milliseconds),
  };
}

function secureContext({ certificate, key, clientCa }: TlsMaterial, asked?: TlsOptions) {
  return {
    cert: certificate,
    key,
    ...(clientCa === undefined ? {} : { ca: clientCa }),
    minVersion: asked?.minVersion ?? 'TLSv1.2',
    ...(asked?.ciphers === undefined ? {} : { ciphers: asked.ciphers, honorCipherOrder: true }),
    ...(asked?.curves === undefined ? {} : { ecdhCurve: asked.curves }),
    // A resumed session would skip the look at the client's certificate.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  } as const;
}

const tooSlow = Object.assign(new Error('the request came too slowly'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });

/** Answers what is not HTTP in the words of Go's server, and hangs up. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${status}`,
  );
}

async function closeServer(server: Server, milliseconds: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), milliseconds);
  await closed;
  clearTimeout(timer);
}
