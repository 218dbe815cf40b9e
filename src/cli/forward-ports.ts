import { once } from 'node:events';
import { type AddressInfo, createServer, isIPv6, type Server, type Socket } from 'node:net';
import { channelMessage, channels, streamProtocols } from '../api/stream-channels.ts';
import { textOf } from '../bytes/text.ts';
import type { WebSocket } from '../stream/web-socket.ts';
import { CommandError, UsageError } from './command.ts';
import type { Console } from './console.ts';
import { printable } from './output/escape.ts';
import { errorText } from './report-error.ts';

/** A local port, 0 for any that is free, and the port of the pod that it stands for. */
export interface PortPair {
  local: number;
  remote: number;
}

/** Connects to a port of the pod. */
type Open = (port: number, signal: AbortSignal) => Promise<WebSocket>;

/** Bytes of one message. */
const pieceSize = 32 << 10;

/** Milliseconds without an answer after which a client that has sent everything is taken to have gone. */
const lingerMs = 10_000;

const dataChannel = 0;
const errorChannel = 1;

/** `8080:80`, `80` or `:80`. @throws UsageError */
export function portPair(text: string): PortPair {
  const match = /^(?:(\d{0,5}):)?(\d{1,5})$/.exec(text);
  const remote = Number(match?.[2]);
  const local = match?.[1] === undefined ? remote : Number(match[1]);
  if (match && remote >= 1 && remote <= 65_535 && local <= 65_535) return { local, remote };
  throw new UsageError(`"${printable(text)}" is not [LOCAL:]PORT, with ports from 1 to 65535`);
}

/** Listens on local ports and forwards connections until it is interrupted. @throws CommandError where it cannot listen */
export async function forwardPorts(
  pairs: readonly PortPair[],
  address: string,
  open: Open,
  console: Console,
): Promise<void> {
  const { signal, out, err } = console;
  const servers: Server[] = [];
  const connections = new Set<Socket>();
  try {
    for (const { local, remote } of pairs) {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
        connections.add(socket);
        socket.once('close', () => connections.delete(socket));
        carry(socket, remote, open, signal).catch((error: unknown) => {
          socket.destroy();
          if (!signal.aborted) err.write(`forwarding a connection to port ${remote}: ${errorText(error)}\n`);
          err.flush();
        });
      });
      const { port } = await listening(server, address, local);
      servers.push(server);
      out.write(`Forwarding from ${isIPv6(address) ? `[${address}]` : address}:${port} -> ${remote}\n`);
      // Whoever waits for this line reads it now.
      out.flush();
    }
    if (!signal.aborted) await once(signal, 'abort');
  } finally {
    for (const server of servers) server.close();
    for (const socket of connections) socket.destroy();
  }
}

async function listening(server: Server, host: string, port: number): Promise<AddressInfo> {
  try {
    server.listen({ host, port });
    await once(server, 'listening');
    return server.address() as AddressInfo;
  } catch (error) {
    throw new CommandError(`listening on ${printable(host)} port ${port}: ${errorText(error)}`, {
      code: 'unavailable',
      cause: error,
      hint: 'name another local port, or none: :PORT takes one that is free',
    });
  }
}

/** One connection, both ways, until the pod ends it or the client has gone. */
async function carry(local: Socket, port: number, open: Open, signal: AbortSignal): Promise<void> {
  // Whoever reads or writes learns of it there.
  local.on('error', () => {});
  local.pause();
  const web = await open(port, signal);
  const gone = () => web.destroy();
  local.once('close', gone);
  const linger = { timer: undefined as NodeJS.Timeout | undefined };
  const sending = sendAll(local, web, linger).catch(() => web.destroy());
  try {
    await receiveAll(web, local, linger);
  } finally {
    clearTimeout(linger.timer);
    local.end();
    await web.close();
    await sending;
  }
}

async function sendAll(
  local: Socket,
  web: WebSocket,
  linger: { timer: NodeJS.Timeout | undefined },
): Promise<void> {
  for await (const piece of local.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    for (let at = 0; at < piece.length; at += pieceSize) {
      await web.send(channelMessage(dataChannel, piece.subarray(at, at + pieceSize)));
    }
  }
  if (web.protocol === streamProtocols[0])
    await web.send(channelMessage(channels.close, new Uint8Array([dataChannel])));
  else linger.timer = setTimeout(() => web.destroy(), lingerMs);
}

async function receiveAll(
  web: WebSocket,
  local: Socket,
  linger: { timer: NodeJS.Timeout | undefined },
): Promise<void> {
  // Each channel begins with the number of the port.
  const begun = new Set<number>();
  let wrong = '';
  for await (const message of web.messages()) {
    const [channel = -1] = message;
    if (channel === channels.close) continue;
    const content = begun.has(channel) ? message.subarray(1) : message.subarray(3);
    begun.add(channel);
    linger.timer?.refresh();
    if (channel === errorChannel) {
      wrong += textOf(content);
      // Nothing comes after it, though not every runtime hangs up.
      if (wrong !== '') break;
    } else if (channel === dataChannel && content.length > 0 && !local.write(content)) await drained(local);
  }
  if (wrong !== '') throw new CommandError(printable(wrong), { code: 'unavailable' });
}

async function drained(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  const stop = new AbortController();
  const { signal } = stop;
  await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]).catch(
    () => undefined,
  );
  stop.abort();
}
