import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { apiRoot } from '../api/endpoints.ts';
import { channelMessage, channels, statusOf, streamProtocols } from '../api/stream-channels.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import type { LogPiece } from '../pods/container-log.ts';
import { acceptUpgrade, openStreamUrl, refuseUpgrade } from '../stream/upgrade.ts';
import type { WebSocket } from '../stream/web-socket.ts';

/** Milliseconds in which a stream that was granted has to be opened, and how many may wait for that. */
const lifetime = 60_000;
const mostWaiting = 1000;

type Serve = (web: WebSocket, signal: AbortSignal) => Promise<void>;

interface Granted {
  protocols: readonly string[];
  serve: Serve;
  timer: NodeJS.Timeout;
}

/**
 * Streams in two steps: a request, which is authenticated, authorised and written into the audit log, is answered with
 * a path; whoever opens a WebSocket there, once and soon, gets the stream.
 */
export class Streams {
  readonly #granted = new Map<string, Granted>();
  readonly #closing = new AbortController();

  /** A path for the stream that the container runtime serves at `url`. */
  async relayed(url: string, signal: AbortSignal): Promise<string> {
    // Opened at once: the protocol that both sides speak is the runtime's choice.
    const far = await openStreamUrl(url, streamProtocols, signal);
    return this.#grant(
      [far.protocol],
      (near) => relay(near, far),
      () => void far.close(),
    );
  }

  /** A path for what a container has written. */
  log(open: (signal: AbortSignal) => AsyncIterable<LogPiece>): string {
    return this.#grant(streamProtocols, async (web, signal) => {
      const gone = new AbortController();
      void drain(web).finally(() => gone.abort());
      try {
        for await (const { stream, content } of open(AbortSignal.any([signal, gone.signal]))) {
          await web.send(channelMessage(channels[stream], content));
        }
        await web.send(channelMessage(channels.status, statusOf({ exitCode: 0 })));
      } catch (error) {
        await web.send(channelMessage(channels.status, statusOf({ failure: messageOf(error) })));
      }
    });
  }

  /** Takes a request to upgrade a connection. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = request.url ?? '';
    const found = this.#granted.get(path);
    if (!found) {
      refuseUpgrade(socket, '404 Not Found', 'no such stream, or it was opened before');
      return;
    }
    this.#granted.delete(path);
    clearTimeout(found.timer);
    const web = acceptUpgrade(request, socket, head, found.protocols);
    if (!web) return;
    found
      .serve(web, this.#closing.signal)
      .catch(() => undefined)
      .finally(() => web.close());
  }

  close(): void {
    this.#closing.abort(new CodedError('cancelled', 'stasisd is stopping'));
    for (const { timer } of this.#granted.values()) clearTimeout(timer);
    this.#granted.clear();
  }

  /** @param unused called where nobody opens it in time */
  #grant(protocols: readonly string[], serve: Serve, unused = () => {}): string {
    if (this.#granted.size >= mostWaiting) {
      unused();
      throw new CodedError(
        'resource-exhausted',
        `more than ${mostWaiting} streams were asked for and not opened`,
      );
    }
    const path = `${apiRoot}/streams/${randomBytes(24).toString('base64url')}`;
    const timer = setTimeout(() => {
      this.#granted.delete(path);
      unused();
    }, lifetime);
    timer.unref();
    this.#granted.set(path, { protocols, serve, timer });
    return path;
  }
}

/** Hands every message on, both ways, until either side closes. */
async function relay(near: WebSocket, far: WebSocket): Promise<void> {
  const hand = async (from: WebSocket, to: WebSocket) => {
    try {
      for await (const message of from.messages()) await to.send(message);
    } finally {
      await to.close();
    }
  };
  await Promise.allSettled([hand(near, far), hand(far, near)]);
}

async function drain(web: WebSocket): Promise<void> {
  for await (const _message of web.messages());
}
