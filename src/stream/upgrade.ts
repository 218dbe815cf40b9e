import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { WebSocket } from './web-socket.ts';

/** Bytes of an answer's head that are read. */
const largestHead = 16 << 10;

function acceptKey(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** Refuses an upgrade with a status and a line of text, and hangs up. */
export function refuseUpgrade(socket: Duplex, status: string, text: string): void {
  const body = `${text}\n`;
  socket.on('error', () => {});
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/**
 * Makes a WebSocket of a request to upgrade, with the first of `protocols` that the client offers.
 * @returns undefined where it was refused, which the client has been told
 */
export function acceptUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocols: readonly string[],
): WebSocket | undefined {
  const { upgrade = '', 'sec-websocket-key': key, 'sec-websocket-version': version } = request.headers;
  if (upgrade.toLowerCase() !== 'websocket' || key === undefined || version !== '13') {
    refuseUpgrade(socket, '400 Bad Request', 'streams are served over WebSocket (RFC 6455), not over SPDY');
    return undefined;
  }
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((item) => item.trim());
  const protocol = protocols.find((item) => offered.includes(item));
  if (protocol === undefined) {
    refuseUpgrade(socket, '400 Bad Request', `no protocol in common, known here: ${protocols.join(', ')}`);
    return undefined;
  }
  socket.write(
    [
      ...['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'],
      `Sec-WebSocket-Accept: ${acceptKey(key)}`,
      `Sec-WebSocket-Protocol: ${protocol}`,
      '\r\n',
    ].join('\r\n'),
  );
  return new WebSocket(socket, { isClient: false, protocol, head });
}

/**
 * Asks for a WebSocket over a connection that is open.
 * @throws CodedError `unavailable` with what was answered instead
 */
export async function requestUpgrade(
  socket: Duplex,
  request: { host: string; path: string; protocols: readonly string[] },
  signal: AbortSignal,
): Promise<WebSocket> {
  const key = randomBytes(16).toString('base64');
  const hangUp = () => void socket.destroy();
  signal.addEventListener('abort', hangUp, { once: true });
  socket.on('error', () => {});
  try {
    socket.write(
      [
        `GET ${request.path} HTTP/1.1`,
        `Host: ${request.host}`,
        ...['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'],
        `Sec-WebSocket-Key: ${key}`,
        `Sec-WebSocket-Protocol: ${request.protocols.join(', ')}`,
        '\r\n',
      ].join('\r\n'),
    );
    const { head, rest } = await answerHead(socket);
    const [line = '', ...fields] = head.split('\r\n');
    const field = (name: string) =>
      fields
        .find((item) => item.toLowerCase().startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim();
    if (!/^HTTP\/1\.1 101 /.test(line)) {
      throw new CodedError(
        'unavailable',
        `asking for a stream: ${line} ${rest.toString('utf8').trim()}`.trim(),
      );
    }
    const protocol = field('sec-websocket-protocol') ?? '';
    if (field('sec-websocket-accept') !== acceptKey(key) || !request.protocols.includes(protocol)) {
      throw new CodedError('unavailable', 'asking for a stream: the answer is none to this request');
    }
    return new WebSocket(socket, { isClient: true, protocol, head: rest });
  } catch (error) {
    socket.destroy();
    if (signal.aborted) throw signal.reason;
    throw error;
  } finally {
    signal.removeEventListener('abort', hangUp);
  }
}

function answerHead(socket: Duplex): Promise<{ head: string; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const done = () => {
      socket.off('readable', read);
      socket.off('close', closed);
      socket.off('end', closed);
    };
    const closed = () => {
      done();
      reject(new CodedError('unavailable', 'asking for a stream: the connection was closed'));
    };
    const read = () => {
      for (
        let piece = socket.read() as Buffer | null;
        piece !== null;
        piece = socket.read() as Buffer | null
      ) {
        bytes = Buffer.concat([bytes, piece]);
      }
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0 && bytes.length < largestHead) return;
      done();
      if (end < 0) reject(new CodedError('unavailable', 'asking for a stream: the answer has no end'));
      else resolve({ head: bytes.subarray(0, end).toString('latin1'), rest: bytes.subarray(end + 4) });
    };
    socket.on('readable', read);
    socket.once('close', closed);
    socket.once('end', closed);
    socket.once('error', (error) => {
      done();
      reject(new CodedError('unavailable', `asking for a stream: ${messageOf(error)}`, { cause: error }));
    });
    read();
  });
}

/** Opens the stream at a URL that a container runtime gave out: plain HTTP on this machine. */
export async function openStreamUrl(
  url: string,
  protocols: readonly string[],
  signal: AbortSignal,
): Promise<WebSocket> {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'http:') {
    throw new CodedError(
      'unsupported',
      `the container runtime streams at ${JSON.stringify(url)}, not over plain HTTP`,
      {
        hint: 'turn off enable_tls_streaming (containerd) or stream_enable_tls (CRI-O); it listens on this machine alone',
      },
    );
  }
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  const socket = connect({ host, port: Number(parsed.port || 80) });
  socket.setNoDelay(true);
  const request = { host: parsed.host, path: `${parsed.pathname}${parsed.search}`, protocols };
  return requestUpgrade(socket, request, signal);
}
