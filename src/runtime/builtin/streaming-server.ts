import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  channelMessage,
  channels,
  statusOf,
  streamProtocols,
  terminalSizeIn,
} from '../../api/stream-channels.ts';
import { CodedError, messageOf } from '../../errors/coded-error.ts';
import { acceptUpgrade, refuseUpgrade } from '../../stream/upgrade.ts';
import type { WebSocket } from '../../stream/web-socket.ts';
import type { Session } from './exec-session.ts';

/** Milliseconds in which a URL has to be used, and how many may wait for that; as other runtimes have it. */
const urlLifetime = 60_000;
const mostWaiting = 1000;

/** What a URL leads to: a session of a command or container, or ports of a pod. */
export type Stream =
  | { kind: 'session'; open(signal: AbortSignal): Promise<Session> }
  | { kind: 'ports'; ports: readonly number[]; open(port: number, signal: AbortSignal): Promise<Duplex> };

/**
 * Serves streams over WebSocket on the loopback device. A URL is known to nobody but whom it was given to, and
 * serves once.
 */
export class StreamingServer {
  readonly #waiting = new Map<string, { stream: Stream; timer: NodeJS.Timeout }>();
  readonly #log: (line: string) => void;
  readonly #closing = new AbortController();
  #server: Promise<Server> | undefined;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** @throws CodedError `resource-exhausted` where too many URLs wait for their use */
  async urlOf(name: 'exec' | 'attach' | 'portforward', stream: Stream): Promise<string> {
    if (this.#waiting.size >= mostWaiting) {
      throw new CodedError(
        'resource-exhausted',
        `more than ${mostWaiting} streams were asked for and not opened`,
      );
    }
    this.#server ??= this.#listen();
    const { port } = (await this.#server).address() as AddressInfo;
    const path = `/${name}/${randomBytes(24).toString('base64url')}`;
    const timer = setTimeout(() => this.#waiting.delete(path), urlLifetime);
    timer.unref();
    this.#waiting.set(path, { stream, timer });
    return `http://127.0.0.1:${port}${path}`;
  }

  async close(): Promise<void> {
    this.#closing.abort(new CodedError('cancelled', 'the runtime is stopping'));
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
    const server = await this.#server;
    server?.closeAllConnections();
    server?.close();
  }

  #listen(): Promise<Server> {
    const server = createServer((_request, answer) => {
      answer.writeHead(400, { 'content-type': 'text/plain' });
      answer.end('streams are served over WebSocket (RFC 6455), not over SPDY\n');
    });
    server.on('upgrade', (request, socket, head) => {
      const found = this.#waiting.get(request.url ?? '');
      if (!found) return refuseUpgrade(socket, '404 Not Found', 'no such stream, or it was opened before');
      this.#waiting.delete(request.url ?? '');
      clearTimeout(found.timer);
      const web = acceptUpgrade(request, socket, head, streamProtocols);
      if (web) void this.#serve(web, found.stream);
    });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: '127.0.0.1', port: 0 }, () => resolve(server));
      server.unref();
    });
  }

  async #serve(web: WebSocket, stream: Stream): Promise<void> {
    const { signal } = this.#closing;
    try {
      if (stream.kind === 'ports') await servePorts(web, stream, signal);
      else await serveSession(web, () => stream.open(signal));
    } catch (error) {
      this.#log(`a stream broke: ${messageOf(error)}`);
    } finally {
      await web.close();
    }
  }
}

async function serveSession(web: WebSocket, open: () => Promise<Session>): Promise<void> {
  let session: Session;
  try {
    session = await open();
  } catch (error) {
    await web.send(channelMessage(channels.status, statusOf({ failure: messageOf(error) })));
    return;
  }
  // As Kubernetes' own servers: tells the client that it is connected.
  await web.send(channelMessage(channels.stdout, new Uint8Array()));
  let over = false;
  const reading = readFrom(web, session).finally(async () => {
    if (!over) await session.stop();
  });
  reading.catch(() => undefined);
  const sent = session.outputs.map(async ({ channel, stream }) => {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      for (let at = 0; at < piece.length; at += 32_768) {
        await web.send(channelMessage(channels[channel], piece.subarray(at, at + 32_768)));
      }
    }
  });
  // From now on, so that none that breaks early goes unheard.
  const allSent = Promise.allSettled(sent);
  const end = await session.ended;
  // What is left behind by the command may hold its streams open for ever.
  await Promise.race([allSent, new Promise((done) => setTimeout(done, 500))]);
  over = true;
  if (end) await web.send(channelMessage(channels.status, statusOf(end)));
}

async function readFrom(web: WebSocket, { stdin, resize }: Session): Promise<void> {
  for await (const message of web.messages()) {
    const content = message.subarray(1);
    if (message[0] === channels.stdin && stdin?.writable && content.length > 0) await written(stdin, content);
    else if (message[0] === channels.close && content[0] === channels.stdin) stdin?.end();
    else if (message[0] === channels.resize) {
      const size = terminalSizeIn(content);
      if (size) await resize?.(size).catch(() => undefined);
    }
  }
}

function written(stdin: NonNullable<Session['stdin']>, content: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stdin.off('close', done);
      resolve();
    };
    stdin.once('close', done);
    stdin.write(content, done);
  });
}

/** Two channels for each port, for data and for what is wrong; each begins with the port's number. */
async function servePorts(
  web: WebSocket,
  { ports, open }: Extract<Stream, { kind: 'ports' }>,
  signal: AbortSignal,
): Promise<void> {
  const connections: (Duplex | undefined)[] = [];
  for (const [index, port] of ports.entries()) {
    const number = new Uint8Array([port & 0xff, port >> 8]);
    await web.send(channelMessage(index * 2, number));
    await web.send(channelMessage(index * 2 + 1, number));
    try {
      const connection = await open(port, signal);
      connections.push(connection);
      void forward(web, connection, index * 2);
    } catch (error) {
      connections.push(undefined);
      await web.send(channelMessage(index * 2 + 1, new TextEncoder().encode(messageOf(error))));
    }
  }
  // As Kubernetes' own servers: where nothing can be reached there is nothing to wait for.
  if (connections.every((connection) => connection === undefined)) return;
  try {
    for await (const message of web.messages()) {
      const channel = message[0] ?? 0;
      const connection = channel % 2 === 0 ? connections[channel / 2] : undefined;
      if (connection?.writable) await written(connection, message.subarray(1));
      else if (channel === channels.close) connections[(message[1] ?? 1) / 2]?.end();
    }
  } finally {
    for (const connection of connections) connection?.destroy();
  }
}

async function forward(web: WebSocket, connection: Duplex, channel: number): Promise<void> {
  try {
    for await (const piece of connection as AsyncIterable<Buffer>) {
      for (let at = 0; at < piece.length; at += 32_768) {
        await web.send(channelMessage(channel, piece.subarray(at, at + 32_768)));
      }
    }
    if (web.protocol === streamProtocols[0])
      await web.send(channelMessage(channels.close, new Uint8Array([channel])));
  } catch {
    // It broke; whoever reads it sees its end.
  }
  await web.close();
}
